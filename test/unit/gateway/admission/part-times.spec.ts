import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { dateParts } from '../../../../lib/gateway/admission/part-times.js';

/** A socket with a listener of `ws`, and what was done in which order. */
function socketOf(parse: (this: EventEmitter, chunk: string) => void, done: string[]) {
  const socket = new EventEmitter();
  socket.on('data', parse);
  dateParts({ output: socket, noteParts: () => done.push('noted') } as never);
  return socket;
}

describe('dateParts', () => {
  it('has parts noted after each chunk that was parsed', () => {
    const done: string[] = [];
    const socket = socketOf(function (chunk) {
      done.push(`parsed ${chunk} of ${this === socket}`);
    }, done);
    socket.emit('data', 'a');
    socket.emit('data', 'b');
    expect(done).toEqual(['parsed a of true', 'noted', 'parsed b of true', 'noted']);
  });

  it('leaves it to ws to remove its listener', () => {
    const done: string[] = [];
    const parse = (): void => void done.push('parsed');
    const socket = socketOf(parse, done);
    expect(socket.listeners('data')).toEqual([parse]);
    socket.removeListener('data', parse);
    socket.emit('data', 'a');
    expect(done).toEqual([]);
  });

  it('needs one listener for all sockets', () => {
    const parse = (): void => {};
    const [a, b] = [socketOf(parse, []), socketOf(parse, [])];
    expect(a.rawListeners('data')).toHaveLength(1);
    expect(a.rawListeners('data')).toEqual(b.rawListeners('data'));
  });

  it('leaves a socket alone whose listeners are others', () => {
    const done: string[] = [];
    const socket = new EventEmitter();
    for (const name of ['one', 'two']) socket.on('data', () => done.push(name));
    dateParts({ output: socket, noteParts: () => done.push('noted') } as never);
    socket.emit('data', 'a');
    expect(done).toEqual(['one', 'two']);
    expect(() => dateParts({ output: {} } as never)).not.toThrow();
  });
});
