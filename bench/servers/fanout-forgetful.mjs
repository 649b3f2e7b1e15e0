// The negative control: a server without catch-up. What a busy socket did not take is forgotten and its cursor moves on,
// without a word to the client. Recovery with `since`, which reads the same log, is left as it is.
import { LogSegments } from '../../dist/broadcast/log-segments.js';
import { Topic } from '../../dist/topic/topic.js';
import { serveFanout } from './fanout-app.mjs';

const { activate } = Topic.prototype;
const { after } = LogSegments.prototype;
const wasLive = new WeakSet();

Topic.prototype.activate = function (subscription) {
  wasLive.add(subscription);
  activate.call(this, subscription);
};

LogSegments.prototype.after = function (subscription, to, limit) {
  return wasLive.has(subscription) ? undefined : after.call(this, subscription, to, limit);
};

await serveFanout();
