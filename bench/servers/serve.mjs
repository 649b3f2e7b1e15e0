import { setTimeout as sleep } from 'node:timers/promises';
import { setImmediate as endOfTurn } from 'node:timers/promises';
import { nowUs, tick } from '../message.mjs';
import { answer, usage } from '../process/answer.mjs';
import { profiler } from './profiler.mjs';

/**
 * What all servers have in common: the clock of the load, and the answers to the runner. They differ in `publish`
 * alone, which gets the messages of one turn and must hand all of them on before it returns.
 *
 * @param {{ port: number, publish: (messages: object[], firstSeq: number) => void, flushes?: () => number, extra?: Record<string, (args: any) => unknown> }} server
 */
export function serve({ port, publish, flushes, extra = {} }) {
  let seq = 0;

  /**
   * Publishes `perTurn` messages in one turn, every `intervalMs`, for `forMs` and at least `minTurns` times.
   * Answers with the last sequence number, so the client knows what must have come.
   */
  async function load({ perTurn, intervalMs, forMs = 0, minTurns = 1, catchUp = false }) {
    const from = seq;
    const startedAt = nowUs();
    let turns = 0;
    let late = 0;
    let due = startedAt;
    while (turns < minTurns || nowUs() - startedAt < forMs * 1000) {
      const at = nowUs();
      const messages = Array.from({ length: perTurn }, (_, i) => tick(seq + i + 1, at));
      publish(messages, seq + 1);
      seq += perTurn;
      turns++;
      due += intervalMs * 1000;
      const early = due - nowUs();
      if (early > 0) await sleep(early / 1000);
      else {
        late++;
        // A server that cannot keep up is loaded as much as it can take and no more: rounds are not piled up behind
        // it. The soak does pile them up, because there the number of publications a second is the promise.
        if (!catchUp) due = nowUs();
        await endOfTurn();
      }
    }
    return { startedAt, turns, late, messages: seq - from, lastSeq: seq };
  }

  answer({
    port: () => port,
    load,
    usage: () => ({ ...usage(nowUs), flushes: flushes?.() }),
    memory,
    ...profiler(),
    ...extra,
  });
}

/** After a collection, so that only what is kept counts; without --expose-gc the figures include garbage. */
function memory() {
  globalThis.gc?.();
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  return { at: nowUs(), rss, heapUsed, external, arrayBuffers };
}
