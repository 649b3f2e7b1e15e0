import type { OutgoingHttpHeaders } from 'node:http';
import type { Close } from '../../errors/close-codes.js';
import { StacklessError } from '../../errors/stackless-error.js';
import type { RejectionCause } from '../../observe/rejections.js';

/** What a refusal says beyond its status. */
export interface RefusalDetails {
  /** What a client is closed with that cannot read an HTTP status and offers our subprotocol; without it, it gets HTTP too. */
  readonly close?: Close;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
  /** Milliseconds after which the client may come back; a random time for those that may, without it. */
  readonly retryAfter?: number;
}

/** Why an upgrade is refused, for HTTP and for clients that offer our subprotocol. */
export class UpgradeRefusal extends StacklessError {
  readonly close: Close | undefined;
  readonly headers: OutgoingHttpHeaders | undefined;
  readonly body: string | undefined;
  readonly retryAfter: number | undefined;

  /**
   * @param status HTTP status; 429 and 503 get a `Retry-After` by themselves
   * @param cause what it is counted as
   */
  constructor(
    readonly status: number,
    override readonly cause: RejectionCause,
    { close, headers, body, retryAfter }: RefusalDetails = {},
  ) {
    super(`upgrade refused with ${status}: ${cause}`);
    this.name = 'UpgradeRefusal';
    this.close = close;
    this.headers = headers;
    this.body = body;
    this.retryAfter = retryAfter;
  }
}

/** @param message what is wrong with the request, as `ws` says it: nothing that the client wrote */
export function badRequest(method: string | undefined, message: string): UpgradeRefusal {
  const known = { 'Content-Type': 'text/plain', 'Sec-WebSocket-Version': '13, 8' };
  return method === 'GET'
    ? new UpgradeRefusal(400, 'request', { headers: known, body: message })
    : new UpgradeRefusal(405, 'request', { headers: { ...known, Allow: 'GET' }, body: message });
}
