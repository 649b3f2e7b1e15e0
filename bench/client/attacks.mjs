import { randomBytes } from 'node:crypto';
import { PATH, topicName } from '../message.mjs';
import { maskedFrame, PING, TEXT } from './masked-frame.mjs';
import { upgradeRequest } from './upgrade.mjs';

const CONTINUATION = 0;
const FIN = 0x80;
const FLOOD = 20; // messages at once, by each attacker and look: four times what is allowed
const TOPICS_A_MESSAGE = 40;
const SUBSCRIBES = 4; // messages at once: thirty times the topics that are allowed
const STORM_EVERY = 4; // looks

/** The topic that slow readers ask for: it has to be more than the kernel takes for them. */
export const NOISE = topicName(99_999);

/**
 * Every way in which an attacker attacks: `request` is what it sends first, `begin` what it does when it was let in, and
 * `again` what it does at each look, some times a second, as long as it is there.
 *
 * @type {Record<string, {
 *   request?: (port: number) => string,
 *   begin?: (socket: import('node:net').Socket) => void,
 *   again?: (socket: import('node:net').Socket) => void,
 *   everyLook?: number,
 * }>}
 */
export const ATTACKS = {
  /** Asks for more than it reads, which is nothing. */
  slow: {
    begin(socket) {
      socket.write(text({ event: 'subscribe', data: { topic: NOISE } }));
      socket.pause();
    },
  },
  messages: { again: writes(repeated(text({ event: 'nothing', id: 1 }), FLOOD)) },
  pings: { again: writes(repeated(maskedFrame(PING, Buffer.alloc(125, 'x')), FLOOD)) },
  /** Topics that nobody has, and others each time. */
  subscribes: { again: socket => writes(repeated(subscribeToMany(), SUBSCRIBES))(socket) },
  /** A message of more fragments than are allowed. */
  fragments: { begin: writes(fragment(TEXT)), again: writes(fragment(CONTINUATION)) },
  /** A message that is not finished. */
  unfinished: { begin: writes(fragment(TEXT)) },
  junk: { begin: socket => socket.write(randomBytes(200)) },
  /** A request that does not end. */
  'half-open': { request: port => upgradeRequest({ port, path: PATH }).slice(0, -2) },
  /** One connection after the other from one address, all of which it keeps. */
  storm: { everyLook: STORM_EVERY },
};

/** What a kind asks for first. Its name is in the query, so that the server can tell who is still there. */
export function requestOf(kind, port) {
  return ATTACKS[kind].request?.(port) ?? upgradeRequest({ port, path: `${PATH}?kind=${kind}` });
}

function writes(bytes) {
  // One that is not read on is not written to without end: it would be this process that suffers.
  return socket => socket.writableNeedDrain || socket.write(bytes);
}

function text(message) {
  return maskedFrame(TEXT, Buffer.from(JSON.stringify(message)));
}

function fragment(opcode) {
  const frame = maskedFrame(opcode, Buffer.from('x'));
  frame[0] &= ~FIN;
  return frame;
}

function repeated(frame, times) {
  return Buffer.concat(Array.from({ length: times }, () => frame));
}

function subscribeToMany() {
  const topics = Array.from({ length: TOPICS_A_MESSAGE }, () => `x${randomBytes(6).toString('hex')}`);
  return text({ event: 'subscribe', data: { topics } });
}
