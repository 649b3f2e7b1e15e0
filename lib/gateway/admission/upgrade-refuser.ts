import {
  type IncomingMessage,
  type OutgoingHttpHeaders,
  STATUS_CODES,
  validateHeaderName,
  validateHeaderValue,
} from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Clock } from '../../time/clock.js';
import { CLOSE, type Close } from '../../errors/close-codes.js';
import type { Rejections } from '../../observe/rejections.js';
import type { Protocol } from '../../protocol/protocol.js';
import type { Protocols } from '../../protocol/protocols.js';
import type { WsServerOptions } from '../../ws/server-options.js';
import { deafen } from '../../ws/silence.js';
import { chosenProtocol } from '../handshake/chosen-protocol.js';
import type { UpgradeRefusal } from '../handshake/upgrade-refusal.js';

/** Milliseconds for a refused client to read its answer and disconnect. */
const LINGER_MS = 1000;

/** Most clients refused over WebSocket at the same time. Further clients are refused by HTTP, which costs less. */
const MOST_WEBSOCKETS = 1000;

/** Largest message of a refused client, in bytes. Its messages are not used. */
const MOST_PAYLOAD = 125;

/**
 * Milliseconds until a client may return after a refusal for a while. Random, so that not all clients return at once.
 */
const RETRY_MS = { least: 1000, most: 10_000 };

/** Statuses of refusals for a while. */
const PASSING = new Set([429, 503]);

/** Headers that control the length of the answer or the connection. */
const FRAMING = new Set(['connection', 'content-length', 'transfer-encoding', 'upgrade', 'trailer']);

const OPTIONS: WsServerOptions = {
  noServer: true,
  maxPayload: MOST_PAYLOAD,
  autoPong: false,
  closeTimeout: LINGER_MS,
};

/** Upgrade to refuse. */
export interface Refused {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly ip: string;
}

/**
 * Refuses upgrades by an HTTP status. A client may get a 101 and then a close code instead, if its protocol says so,
 * because a browser cannot read a status. Sockets still open after a second are destroyed.
 */
export class UpgradeRefuser {
  readonly #rejections: Rejections;
  readonly #clock: Clock;
  readonly #lingering = new Set<Duplex>();
  #lingerMs = LINGER_MS;
  readonly #protocols: Protocols;
  readonly #server: WebSocketServer;

  constructor(rejections: Rejections, protocols: Protocols, clock: Clock) {
    this.#rejections = rejections;
    this.#clock = clock;
    this.#protocols = protocols;
    const handleProtocols = (offered: Set<string>): string => chosenProtocol(protocols, offered);
    this.#server = new WebSocketServer({ ...OPTIONS, handleProtocols });
  }

  /** Number of refused sockets that are still open. */
  get size(): number {
    return this.#lingering.size;
  }

  refuse({ request, socket, head, ip }: Refused, refusal: UpgradeRefusal): void {
    this.#rejections.count(refusal.cause, ip);
    const { close, status, body, retryAfter } = refusal;
    const protocol = this.#protocolOf(request);
    const isFull = this.#server.clients.size >= MOST_WEBSOCKETS;
    if (close === undefined || isFull || !protocol.closesRefused) {
      const headers =
        retryAfter === undefined
          ? refusal.headers
          : { ...refusal.headers, 'Retry-After': seconds(retryAfter) };
      return this.answer(socket, status, headers, body);
    }
    this.linger(socket);
    try {
      this.#server.handleUpgrade(request, socket, head, client => {
        const after = retryAfter ?? (close.code === CLOSE.BUSY.code ? this.#retryMs() : undefined);
        turnAway(client, protocol, close, after);
        // Without this, `ws` would parse a flood of messages for a second. `end()` is for clients that wait for the end
        // of the socket after the close frame.
        deafen(client, socket);
        socket.end();
      });
    } catch {
      // Another listener has already made a WebSocket of this socket, so it can no longer be refused.
      socket.destroy();
    }
  }

  /** Answers an upgrade by HTTP, and ends the connection. */
  answer(socket: Duplex, status: number, headers: OutgoingHttpHeaders = {}, body = ''): void {
    this.linger(socket);
    // After its answer nothing more is expected from this client.
    socket.once('finish', destroy);
    socket.end(answerText(status, headers, body, this.#retryMs));
  }

  /** Destroys a refused socket after a second, or earlier after {@link hurry}. */
  linger(socket: Duplex): void {
    if (socket.closed || this.#lingering.has(socket)) return;
    this.#lingering.add(socket);
    const clock = this.#clock;
    const timer = clock.setTimeout(() => socket.destroy(), this.#lingerMs);
    timer.unref();
    // No other listener is left, and an unhandled error would end the process.
    socket.on('error', destroy);
    socket.once('close', () => {
      clock.clearTimeout(timer);
      this.#lingering.delete(socket);
    });
  }

  /**
   * Destroys sockets whose answer has been sent, and shortens the wait of later ones, because the HTTP server waits for
   * them.
   * @param ms new wait in milliseconds, if shorter than a second
   */
  hurry(ms: number): void {
    this.#lingerMs = Math.min(LINGER_MS, ms);
    for (const socket of this.#lingering) endSoon(socket);
  }

  #protocolOf({ headers, url = '/' }: IncomingMessage): Protocol {
    const offered = headers['sec-websocket-protocol']?.split(',').map(name => name.trim()) ?? [];
    return this.#protocols.of(this.#protocols.choice(offered) ?? '', url);
  }

  /** Destroys all remaining sockets. */
  stop(): void {
    for (const socket of this.#lingering) socket.destroy();
    this.#server.close();
  }

  readonly #retryMs = (): number =>
    Math.round(RETRY_MS.least + this.#clock.random() * (RETRY_MS.most - RETRY_MS.least));
}

function turnAway(client: WebSocket, protocol: Protocol, close: Close, retryAfter: number | undefined): void {
  // `ws` reads on until the client has answered the close, and reports invalid frames as error events.
  client.on('error', ignore);
  const retry = retryAfter === undefined ? '' : `; retry-after=${Math.ceil(retryAfter)}`;
  const closing = protocol.closing({ code: close.code, reason: close.reason + retry });
  if (closing.message !== undefined) client.send(closing.message);
  client.close(closing.close.code, closing.close.reason);
}

function answerText(
  status: number,
  headers: OutgoingHttpHeaders,
  body: string,
  retryMs: () => number,
): string {
  // A 1xx would not end the handshake, and any other number would not be valid HTTP.
  const sent = Number.isInteger(status) && status >= 200 && status <= 599 ? status : 500;
  const lines = [`HTTP/1.1 ${sent} ${STATUS_CODES[sent] ?? ''}`, 'Connection: close'];
  const given = Object.entries(headers).filter(([name, value]) => isHeader(name, value));
  const has = (name: string): boolean => given.some(([other]) => other.toLowerCase() === name);
  if (PASSING.has(sent) && !has('retry-after')) lines.push(`Retry-After: ${seconds(retryMs())}`);
  if (body !== '' && !has('content-type')) lines.push('Content-Type: application/json; charset=utf-8');
  for (const [name, value] of given) for (const each of [value].flat()) lines.push(`${name}: ${each}`);
  lines.push(`Content-Length: ${Buffer.byteLength(body)}`, '', body);
  return lines.join('\r\n');
}

/**
 * Tells whether a header of a guard may be sent. Its value may contain text of a client, which must not start another
 * header or answer.
 */
function isHeader(name: string, value: unknown): boolean {
  if (FRAMING.has(name.toLowerCase()) || value === undefined) return false;
  try {
    validateHeaderName(name);
    for (const each of [value].flat()) validateHeaderValue(name, String(each));
    return true;
  } catch {
    return false;
  }
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}

function destroy(this: Duplex): void {
  this.destroy();
}

/** Destroys a socket after its written bytes have been sent. */
function endSoon(socket: Duplex): void {
  if (socket.writableFinished) socket.destroy();
  else socket.once('finish', destroy).end();
}

function ignore(): void {}
