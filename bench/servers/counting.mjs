import { once } from 'node:events';
import { createServer } from 'node:net';

const WRITES = [
  'writeBuffer',
  'writev',
  'writeUtf8String',
  'writeLatin1String',
  'writeAsciiString',
  'writeUcs2String',
];

/** Heartbeats are no part of a flush: whether one falls into the counted turn is chance. */
const LONGEST_PING = 8;

/**
 * Counts writes to TCP sockets and calls of `JSON.stringify`, between `start` and `stop` only, as it costs some time.
 *
 * Writes are counted where Node hands them to libuv, which is the system call: below every stream, and exact. The
 * count of the kernel (`syscw` of /proc/self/io) has the wake-ups of timers and threads in it too.
 */
export class Counting {
  #handles;
  #stringify = JSON.stringify;
  #writes = 0;
  #encodes = 0;

  async start() {
    this.#writes = this.#encodes = 0;
    this.#handles = await tcpPrototype();
    const counting = this;
    const inherited = Object.getPrototypeOf(this.#handles);
    for (const name of WRITES) {
      const write = inherited[name];
      this.#handles[name] = function (request, data, ...rest) {
        if (bytesOf(data) > LONGEST_PING) counting.#writes++;
        return write.call(this, request, data, ...rest);
      };
    }
    const stringify = this.#stringify;
    JSON.stringify = function (...args) {
      counting.#encodes++;
      return stringify.apply(this, args);
    };
  }

  stop() {
    for (const name of WRITES) delete this.#handles[name];
    JSON.stringify = this.#stringify;
    return { writes: this.#writes, encodes: this.#encodes };
  }
}

/** @param {Buffer | string | (Buffer | string)[]} data of any of the methods; the list of `writev` has encodings in it too, if not all are buffers */
function bytesOf(data) {
  return Array.isArray(data) ? data.reduce((sum, part) => sum + part.length, 0) : data.length;
}

/** What all TCP sockets of the process inherit from. Their write methods come from further up, where pipes have them too. */
async function tcpPrototype() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const prototype = Object.getPrototypeOf(server._handle);
  server.close();
  return prototype;
}
