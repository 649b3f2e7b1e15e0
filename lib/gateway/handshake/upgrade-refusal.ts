import type { OutgoingHttpHeaders } from 'node:http';
import type { Close } from '../../errors/close-codes.js';
import { StacklessError } from '../../errors/stackless-error.js';
import type { RejectionCause } from '../../observe/rejections.js';

/** Details of a refusal beyond its status. */
export interface RefusalDetails {
  /**
   * Close code for clients of our subprotocol, because browsers cannot read an HTTP status. Omit it to answer every
   * client by HTTP.
   */
  readonly close?: Close;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
  /** Milliseconds until the client may return. By default a random time for refusals for a while. */
  readonly retryAfter?: number;
}

/** Refusal of an upgrade, for HTTP and for clients that offer our subprotocol. */
export class UpgradeRefusal extends StacklessError {
  readonly close: Close | undefined;
  readonly headers: OutgoingHttpHeaders | undefined;
  readonly body: string | undefined;
  readonly retryAfter: number | undefined;

  /**
   * @param status HTTP status; 429 and 503 get a `Retry-After` by themselves
   * @param cause cause for the counters
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

/**
 * Makes the refusal of a malformed request. @param message error text of `ws`, without anything that the client wrote
 */
export function badRequest(method: string | undefined, message: string): UpgradeRefusal {
  const known = { 'Content-Type': 'text/plain', 'Sec-WebSocket-Version': '13, 8' };
  return method === 'GET'
    ? new UpgradeRefusal(400, 'request', { headers: known, body: message })
    : new UpgradeRefusal(405, 'request', { headers: { ...known, Allow: 'GET' }, body: message });
}
