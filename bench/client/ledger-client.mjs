// The client process of the shapes that keep a ledger: readers of one kind, and what was given to each of them.
import { setPriority } from 'node:os';
import { createHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { layout, nowUs } from '../message.mjs';
import { answer, usage } from '../process/answer.mjs';
import { newTally } from './frame-counter.mjs';
import { Ledger } from './ledger.mjs';
import { LedgerMember } from './ledger-member.mjs';

const UPGRADES_AT_ONCE = 256; // enough to keep the server busy, well under its backlog
const LATENCY_SAMPLES = 100; // clients, evenly spread: a reading of the clock for every message would cost more than the parsing
const POLL_MS = 10;
const BEHIND_OTHERS = 15; // a nice value
const BETWEEN = (Math.sqrt(5) - 1) / 2; // steps of the golden ratio: spread like chance, and the same in each run

const tally = newTally();
const latency = createHistogram();
const endings = {};
const members = [];
let ledger;

answer({
  connect,
  throttle,
  pauses,
  reconnects,
  cutAll,
  comeBack,
  begin,
  settle,
  usage: () => usage(nowUs),
  close,
});

/**
 * @param {{ port: number, audience: Required<import('../measure/pair.mjs').Audience>, addresses?: number, biteBytes?: number, background?: boolean }} target
 *   `addresses`: a block of them, one for each client (loopback.mjs); `background`: what other client processes do comes first; with `biteBytes` the clients read that much at a time and then wait for `throttle` to let them read on
 */
async function connect({ port, audience, addresses, biteBytes, background }) {
  if (background) setPriority(BEHIND_OTHERS);
  ledger = new Ledger(audience, tally);
  const dialect = { envelope: 0, envelopeEnd: 0 };
  const target = {
    port,
    addresses,
    reading: { tally, cursors: ledger, layout: layout(audience.payloadBytes), dialect },
  };
  const bite = biteBytes === undefined ? undefined : Buffer.allocUnsafeSlow(biteBytes);
  const every = Math.max(1, Math.floor(audience.connections / LATENCY_SAMPLES));
  const onStamp = at => latency.record(Math.max(1, nowUs() - at));
  for (let i = 0; i < audience.connections; i++) {
    const how = { onStamp: i % every === 0 ? onStamp : undefined, bite, now: nowUs };
    members.push(new LedgerMember(i, target, how, why => (endings[why] = (endings[why] ?? 0) + 1)));
  }
  const stop = bite === undefined ? undefined : throttled(1);
  await all(member => member.come());
  stop?.();
}

/** A few at a time. */
async function all(act) {
  const left = [...members];
  const lane = async () => {
    for (let member = left.pop(); member !== undefined; member = left.pop()) await act(member);
  };
  await Promise.all(Array.from({ length: UPGRADES_AT_ONCE }, lane));
}

/** Each client takes one bite every `everyMs`. */
async function throttle({ everyMs, forMs }) {
  const stop = throttled(everyMs);
  await sleep(forMs);
  stop();
}

function throttled(everyMs) {
  const timer = setInterval(() => {
    for (const member of members) member.readOn();
  }, everyMs);
  return () => clearInterval(timer);
}

/** Each client reads nothing for `pauseMs` and then for `readMs` whatever there is, again and again, not all at the same time. */
async function pauses({ pauseMs, readMs, forMs }) {
  const until = performance.now() + forMs;
  const left = () => until - performance.now();
  const pausing = async (member, i) => {
    await sleep((((i + 1) * BETWEEN) % 1) * readMs);
    while (left() > 0) {
      member.connection?.pause();
      await sleep(Math.min(pauseMs, left()));
      member.connection?.resume();
      await sleep(readMs);
    }
  };
  await Promise.all(members.map(pausing));
}

/**
 * One client after the other goes and comes back, `perSecond` of them; every second is cut off. They are away for up
 * to `awayMs`, and one of `longEvery` for `longMs`.
 */
async function reconnects({ perSecond, awayMs, longMs, longEvery, forMs }) {
  const from = performance.now();
  const underWay = [];
  for (let due = 0, i = 1; due < forMs; due = (1000 / perSecond) * i++) {
    const early = from + due - performance.now();
    if (early > 1) await sleep(early);
    const awayFor = i % longEvery === 0 ? longMs : ((i * BETWEEN) % 1) * awayMs;
    underWay.push(members[i % members.length].goAway({ cutOff: i % 2 === 0, awayMs: awayFor }));
  }
  await Promise.all(underWay);
}

/** All connections are cut at once: nobody is there, and nobody comes back by itself. */
async function cutAll() {
  await Promise.all(members.map(member => member.leave({ cutOff: true })));
}

/** All come back at once, and answers with the time until the last of them was answered. */
async function comeBack() {
  const from = nowUs();
  await all(member => member.come());
  return { tookUs: nowUs() - from };
}

/** A new load: its latencies are its own. */
function begin() {
  latency.reset();
}

/**
 * Everybody reads as fast as it can, until each has everything up to this sequence number of each of its topics, and
 * tells what became of it. It ends at `timeoutMs` too: what has not come by then is lost.
 */
async function settle({ lastSeq, timeoutMs }) {
  const giveUp = nowUs() + timeoutMs * 1000;
  for (const member of members) member.readAll();
  const missing = () => members.reduce((sum, _, number) => sum + ledger.missing(number, lastSeq), 0);
  while (missing() > 0 && nowUs() < giveUp) await sleep(POLL_MS);
  const { gaps, gapFrames, recovered, notRecovered, givenUp, faults, firstFault } = ledger;
  return {
    at: nowUs(),
    ...tally,
    lost: tally.lost + missing(),
    gaps,
    gapFrames,
    recovered,
    notRecovered,
    givenUp,
    faults,
    firstFault,
    endings,
    p50: latency.percentile(50) / 1000,
    p99: latency.percentile(99) / 1000,
    p999: latency.percentile(99.9) / 1000,
    sampled: latency.count,
  };
}

async function close() {
  await Promise.all(members.map(member => member.goHome()));
}
