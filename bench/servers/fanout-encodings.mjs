// The same server, and it tells how many stretches of logs were encoded for those who recover or catch up. The library
// counts them, but has no door for it.
import { LogSegments } from '../../dist/broadcast/log-segments.js';
import { serveFanout } from './fanout-app.mjs';

const { after } = LogSegments.prototype;
let segments;

LogSegments.prototype.after = function (...asked) {
  segments = this;
  return after.apply(this, asked);
};

await serveFanout({ encodings: () => segments?.encoded ?? 0 });
