// The same server, with a time in which requests must end, a topic that is too much for those who do not read, and an
// account of what was refused.
import { Broadcaster, FanoutMetrics } from 'nestjs-fanout';
import { NOISE } from '../client/attacks.mjs';
import { serveFanout } from './fanout-app.mjs';

const CHECKS = 4; // of requests that do not end, within the time that they have

const WATCH_MS = 100;

const { BENCH_HEADERS_MS: headersMs } = process.env;
let app;
let noise;
let watch;
let mostRss;

await serveFanout(
  {
    startNoise({ bytes, everyMs }) {
      const data = 'x'.repeat(bytes);
      const broadcaster = app.get(Broadcaster);
      noise = setInterval(() => broadcaster.publish(NOISE, data), everyMs);
    },
    stopNoise: () => clearInterval(noise),
    /** Answers with what it is now. No collection is forced: V8 would collect more often after it. */
    watchMemory() {
      mostRss = process.memoryUsage.rss();
      watch = setInterval(() => (mostRss = Math.max(mostRss, process.memoryUsage.rss())), WATCH_MS);
      return mostRss;
    },
    mostMemory() {
      clearInterval(watch);
      return mostRss;
    },
    /** What was refused since the start, by cause. */
    rejected: () => app.get(FanoutMetrics).rejected,
  },
  created => {
    app = created;
    const server = app.getHttpServer();
    server.headersTimeout = Number(headersMs);
    server.connectionsCheckingInterval = Number(headersMs) / CHECKS;
  },
);
