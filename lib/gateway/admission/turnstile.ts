import {
  type IncomingMessage,
  type OutgoingHttpHeaders,
  STATUS_CODES,
  validateHeaderName,
  validateHeaderValue,
} from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { CLOSE, type Close } from '../../errors/close-codes.js';
import type { Rejections } from '../../observe/rejections.js';
import { batchedJson } from '../../wire/json-format.js';
import type { WsServerOptions } from '../../ws/server-options.js';
import { deafen } from '../../ws/silence.js';
import type { UpgradeRefusal } from '../handshake/upgrade-refusal.js';

/** Milliseconds that a refused peer has to take its answer and go. */
const LINGER_MS = 1000;

/** WebSockets that are refused at the same time; who comes when there are more is refused by HTTP, which costs less. */
const MOST_WEBSOCKETS = 1000;

/** Bytes of a message of a client that is refused. What it has to say is not for us. */
const MOST_PAYLOAD = 125;

/** Milliseconds after which a client that is refused for a while may come back: at random, so that not all come at once. */
const RETRY_MS = { least: 1000, most: 10_000 };

/** Statuses that pass. */
const PASSING = new Set([429, 503]);

/** Headers that say how long the answer is and what becomes of the connection. */
const FRAMING = new Set(['connection', 'content-length', 'transfer-encoding', 'upgrade', 'trailer']);

const OPTIONS: WsServerOptions = {
  noServer: true,
  maxPayload: MOST_PAYLOAD,
  autoPong: false,
  closeTimeout: LINGER_MS,
  handleProtocols: () => batchedJson.protocol,
};

/** An upgrade that is to be refused. */
export interface Refused {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly ip: string;
}

/**
 * Sends upgrades away: by an HTTP status, or after a 101 by a close code where the client offers our subprotocol,
 * because a browser cannot read a status. Whoever does not go is gone within a second.
 */
export class Turnstile {
  readonly #rejections: Rejections;
  readonly #lingering = new Set<Duplex>();
  #lingerMs = LINGER_MS;
  readonly #server = new WebSocketServer(OPTIONS);

  constructor(rejections: Rejections) {
    this.#rejections = rejections;
  }

  /** Sockets that are refused and not gone yet. */
  get size(): number {
    return this.#lingering.size;
  }

  refuse({ request, socket, head, ip }: Refused, refusal: UpgradeRefusal): void {
    this.#rejections.count(refusal.cause, ip);
    const { close, status, body, retryAfter } = refusal;
    if (close === undefined || this.#server.clients.size >= MOST_WEBSOCKETS || !offersOurs(request)) {
      const headers =
        retryAfter === undefined
          ? refusal.headers
          : { ...refusal.headers, 'Retry-After': seconds(retryAfter) };
      return this.answer(socket, status, headers, body);
    }
    this.linger(socket);
    try {
      this.#server.handleUpgrade(request, socket, head, client => {
        turnAway(client, close, retryAfter);
        // It would parse what comes of a flood for a second. The end behind the close frame is for who waits for it.
        deafen(client, socket);
        socket.end();
      });
    } catch {
      // Another listener has made a WebSocket of it, which there is no way to refuse any more.
      socket.destroy();
    }
  }

  /** Answers an upgrade by HTTP, and ends the connection. */
  answer(socket: Duplex, status: number, headers: OutgoingHttpHeaders = {}, body = ''): void {
    this.linger(socket);
    // The request's own end is all that may have come of it: more does not matter.
    socket.once('finish', destroy);
    socket.end(answerText(status, headers, body));
  }

  /** Ends a socket that somebody has refused, in a second at the latest, or in less after {@link hurry}. */
  linger(socket: Duplex): void {
    if (socket.closed || this.#lingering.has(socket)) return;
    this.#lingering.add(socket);
    const timer = setTimeout(() => socket.destroy(), this.#lingerMs).unref();
    // Nobody else listens, and an error would end the process.
    socket.on('error', destroy);
    socket.once('close', () => {
      clearTimeout(timer);
      this.#lingering.delete(socket);
    });
  }

  /**
   * Ends whoever has taken its answer, and gives later ones less time: the HTTP server waits for them.
   * @param ms their time, if it is less than a second
   */
  hurry(ms: number): void {
    this.#lingerMs = Math.min(LINGER_MS, ms);
    for (const socket of this.#lingering) endSoon(socket);
  }

  /** Ends whoever is still there. */
  stop(): void {
    for (const socket of this.#lingering) socket.destroy();
    this.#server.close();
  }
}

function turnAway(client: WebSocket, close: Close, retryAfter: number | undefined): void {
  // `ws` goes on reading until the peer has answered the close, and reports what is wrong with it as an error event.
  client.on('error', ignore);
  const after = retryAfter ?? (close.code === CLOSE.BUSY.code ? retryMs() : undefined);
  const retry = after === undefined ? '' : `; retry-after=${Math.ceil(after)}`;
  client.close(close.code, close.reason + retry);
}

function offersOurs(request: IncomingMessage): boolean {
  const offered = request.headers['sec-websocket-protocol'];
  return offered !== undefined && offered.split(',').some(name => name.trim() === batchedJson.protocol);
}

function answerText(status: number, headers: OutgoingHttpHeaders, body: string): string {
  // A 1xx would not end the handshake, and what is no status would be no HTTP.
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

/** What a guard gives may hold what a client wrote, and must not become a header or an answer of its own. */
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

function retryMs(): number {
  return Math.round(RETRY_MS.least + Math.random() * (RETRY_MS.most - RETRY_MS.least));
}

function destroy(this: Duplex): void {
  this.destroy();
}

/** Destroys a socket when what was written to it has left. */
function endSoon(socket: Duplex): void {
  if (socket.writableFinished) socket.destroy();
  else socket.once('finish', destroy).end();
}

function ignore(): void {}
