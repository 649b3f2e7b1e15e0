import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { answerUnderWay, readAnew } from '../../ws/http-internals.js';

/** Most headers that Node keeps of a request by default. */
const MOST_HEADERS = 1000;

/**
 * Hands a request, taken by Node for an upgrade, back to the HTTP server as an ordinary request. The bytes of the
 * request go back into the socket without `Upgrade`, so body, keep-alive and later requests work as usual.
 * @param head bytes that Node has read after the headers
 * @returns false when the request is not known in full, and must be refused
 */
export function handBack(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
  // Node has dropped further headers, perhaps `Content-Length`.
  if (request.rawHeaders.length >= 2 * (server.maxHeadersCount ?? MOST_HEADERS)) return false;
  afterAnswers(socket, () =>
    serve(server, socket, Buffer.concat([Buffer.from(headOf(request), 'latin1'), head])),
  );
  return true;
}

/** Calls back after the answers to earlier requests of a connection are complete, unless the connection ends first. */
export function afterAnswers(socket: Duplex, callback: () => void): void {
  const answer = answerUnderWay(socket);
  if (!answer) return callback();
  socket.on('error', destroy);
  answer.once('close', () => {
    // The error that destroyed the socket may still be emitted, so the listener stays.
    if (socket.destroyed) return;
    socket.off('error', destroy);
    if (!socket.writableEnded) afterAnswers(socket, callback);
  });
}

/** Makes a server read a socket from the beginning, with the given bytes put back. */
function serve(server: Server, socket: Duplex, bytes: Buffer): void {
  socket.unshift(bytes);
  // Clears the timeout of an idle connection. Node clears it only through the parser that set it.
  (socket as Socket).setTimeout?.(0);
  readAnew(server, socket);
}

function destroy(this: Duplex): void {
  this.destroy();
}

/** Returns the request line and the headers, without `Upgrade` and its token in `Connection`. */
function headOf({ method, url, httpVersion, rawHeaders }: IncomingMessage): string {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    const value = rawHeaders[at + 1]!;
    const lower = name.toLowerCase();
    if (lower === 'upgrade') continue;
    if (lower !== 'connection') lines.push(`${name}: ${value}`);
    else if (kept(value) !== '') lines.push(`${name}: ${kept(value)}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function kept(connection: string): string {
  const tokens = connection.split(',').map(token => token.trim());
  return tokens.filter(token => token !== '' && token.toLowerCase() !== 'upgrade').join(', ');
}
