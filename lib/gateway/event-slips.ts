import { SteadyLogger } from './steady-logger.js';

/** Events of `ws` servers and sockets, and of every emitter. */
const EVENTS = new Set(
  (
    'connection headers listening error close wsClientError message open ping pong upgrade redirect unexpected-response ' +
    'newListener removeListener'
  ).split(' '),
);

/** Lines that are written: one for each name. */
const MOST_LINES = 20;

const logger = new SteadyLogger('Fanout');
const told = new Set<string>();

/** What is said of a use, by the object and its method. */
const LINES: Record<string, (event: string) => string> = {
  'client.on': event => `is never called: messages come to @SubscribeMessage('${event}') of a gateway`,
  'server.on': event => `is never called: messages come to @SubscribeMessage('${event}') of a gateway`,
  'client.emit': event =>
    `sends nothing: write connection.send('${event}', data), or return the answer from the handler`,
  'server.emit': () =>
    'sends nothing: write broadcaster.publish(topic, data), for those who subscribed to a topic',
};

/**
 * Notices the habits of Socket.IO, where events of one's own are listened to and emitted on sockets and servers. Those of
 * `ws` have no such events, so nothing happens. One line for each name.
 */
export function noteEvent(
  use: 'client.on' | 'server.on' | 'client.emit' | 'server.emit',
  event: unknown,
): void {
  if (typeof event !== 'string' || EVENTS.has(event) || told.size >= MOST_LINES) return;
  const call = `${use}('${event.slice(0, 80)}')`;
  if (told.has(call)) return;
  told.add(call);
  logger.warn(`${call} ${LINES[use]!(event.slice(0, 80))}. WebSockets have no events of that kind.`);
}
