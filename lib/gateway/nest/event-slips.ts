import { SteadyLogger } from './steady-logger.js';

/** Events of `ws` servers and sockets, and of every emitter. */
const EVENTS = new Set(
  (
    'connection headers listening error close wsClientError message open ping pong upgrade redirect unexpected-response ' +
    'newListener removeListener'
  ).split(' '),
);

/** Most lines written, at one line for each event name. */
const MOST_LINES = 20;

const logger = new SteadyLogger('Fanout');
const told = new Set<string>();

/** Text of the log line, by object and method. */
const LINES: Record<string, (event: string) => string> = {
  'client.on': event => `is never called: messages come to @SubscribeMessage('${event}') of a gateway`,
  'server.on': event => `is never called: messages come to @SubscribeMessage('${event}') of a gateway`,
  'client.emit': event =>
    `sends nothing: write connection.send('${event}', data), or return the answer from the handler`,
  'server.emit': () =>
    'sends nothing: write broadcaster.publish(topic, data) to reach the subscribers of a topic',
};

/**
 * Detects habits of Socket.IO: `on()` and `emit()` of a socket or server with events of the application. Sockets and servers
 * of `ws` have no such events, so the call has no effect. Logs one line for each event name.
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
