import { topicName } from '../message.mjs';

const EVERY_MS = 100;

/** Who is behind, how much is kept for them, and the process's memory, looked at ten times a second. */
export function laggardWatch({ broadcaster, connections }) {
  let timer;
  let looks;
  return {
    watchLaggards({ topics }) {
      const names = Array.from({ length: topics }, (_, i) => topicName(i));
      looks = { count: 0, slow: 0, mostSlow: 0, mostQueued: 0, oldestMs: 0, mostUnsent: 0, mostRss: 0 };
      timer = setInterval(() => look(names), EVERY_MS);
    },
    laggards() {
      clearInterval(timer);
      const { count, slow, ...most } = looks;
      return { ...most, meanSlow: slow / count };
    },
  };

  function look(names) {
    const pressures = names.map(name => broadcaster.pressure(name));
    const slow = sum(pressures.map(pressure => pressure.slow));
    looks.count++;
    looks.slow += slow;
    looks.mostSlow = Math.max(looks.mostSlow, slow);
    looks.mostQueued = Math.max(looks.mostQueued, sum(pressures.map(({ queuedBytes }) => queuedBytes)));
    looks.oldestMs = Math.max(looks.oldestMs, ...pressures.map(({ oldestMs }) => oldestMs));
    looks.mostUnsent = Math.max(
      looks.mostUnsent,
      sum([...connections].map(({ bufferedBytes }) => bufferedBytes)),
    );
    looks.mostRss = Math.max(looks.mostRss, process.memoryUsage.rss());
  }
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
