import { setTimeout as sleep } from 'node:timers/promises';
import { setImmediate as endOfTurn } from 'node:timers/promises';
import { nowUs, ticker } from '../message.mjs';
import { answer, usage } from '../process/answer.mjs';
import { Counting } from './counting.mjs';
import { gcTime, loopWatch } from './event-loop.mjs';
import { profiler } from './profiler.mjs';
import { lastSeqs } from './progress.mjs';

/**
 * What all servers have in common: the clock of the load, and the answers to the runner. They differ in `publish`,
 * which gets the messages of one topic and turn, and in `endTurn`, for those that gather the topics of a turn. When
 * `endTurn` has returned, or its promise has resolved, all messages must be handed on.
 *
 * @param {object} server
 * @param {number} server.port
 * @param {(topic: number, messages: object[], firstSeq: number) => void} server.publish
 * @param {() => void | Promise<void>} [server.endTurn]
 * @param {() => number} [server.slabs] taken from the pool since the start
 * @param {() => number} [server.flushes] since the start
 * @param {Record<string, (args: any) => unknown>} [server.extra] further answers
 */
export function serve({ port, publish, endTurn = () => {}, slabs, flushes, extra = {} }) {
  const counting = new Counting();
  const loop = loopWatch();

  /**
   * Publishes `perTopic` messages on each topic in one turn, every `intervalMs`, for `forMs` and at least `minTurns`
   * times. With `topicsPerTurn` a turn has some of the topics only, and the next one those that follow. Answers with
   * the last sequence number, which is that of all topics, so the client knows what must have come.
   */
  async function load({
    topics = 1,
    topicsPerTurn = topics,
    perTopic,
    payloadBytes,
    intervalMs,
    forMs = 0,
    minTurns = 1,
    catchUp = false,
  }) {
    const tick = ticker(payloadBytes);
    for (let topic = lastSeqs.length; topic < topics; topic++) lastSeqs.push(0);
    const startedAt = nowUs();
    let turns = 0;
    let late = 0;
    let topic = 0;
    let due = startedAt;
    while (turns < minTurns || nowUs() - startedAt < forMs * 1000 || topic !== 0) {
      const at = nowUs();
      for (let left = topicsPerTurn; left > 0; left--) {
        const seq = lastSeqs[topic];
        const messages = Array.from({ length: perTopic }, (_, i) => tick(seq + i + 1, at));
        lastSeqs[topic] += perTopic;
        publish(topic, messages, seq + 1);
        if (++topic === topics) topic = 0;
      }
      await endTurn();
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
    return {
      startedAt,
      endedAt: nowUs(),
      turns,
      late,
      messages: turns * topicsPerTurn * perTopic,
      lastSeq: lastSeqs[0],
    };
  }

  answer({
    port: () => port,
    load,
    usage: () => ({ ...usage(nowUs), gc: gcTime(), slabs: slabs?.(), flushes: flushes?.() }),
    memory,
    startCounting: () => counting.start(),
    stopCounting: () => counting.stop(),
    startLoopWatch: () => loop.start(),
    stopLoopWatch: () => loop.stop(),
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
