import { EventEmitter } from 'node:events';
import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { afterAnswers } from '../../../../lib/gateway/admission/handed-back.js';

/** A socket on which the answer to an earlier request is still being sent. */
function answering(): { socket: Duplex; answer: EventEmitter } {
  const answer = new EventEmitter();
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  return { socket: Object.assign(socket, { _httpMessage: answer }), answer };
}

describe('afterAnswers', () => {
  it('calls back when the answer is complete, and leaves no listener', () => {
    const { socket, answer } = answering();
    let calls = 0;
    afterAnswers(socket, () => calls++);
    expect([calls, socket.listenerCount('error')]).toEqual([0, 1]);
    Object.assign(socket, { _httpMessage: null });
    answer.emit('close');
    expect([calls, socket.listenerCount('error')]).toEqual([1, 0]);
  });

  it('hears the error of a socket that breaks while the answer is written, though the answer closes first', async () => {
    const { socket, answer } = answering();
    let calls = 0;
    afterAnswers(socket, () => calls++);
    const closed = new Promise(resolve => socket.once('close', resolve));
    // Node emits the error in a later tick. Without a listener the error would end the process.
    socket.destroy(new Error('write EPIPE'));
    answer.emit('close');
    expect(socket.listenerCount('error')).toBe(1);
    await closed;
    expect(calls).toBe(0);
  });
});
