// The client process of the shape `lines`: a reader at the end of each line.
import { setTimeout as sleep } from 'node:timers/promises';
import { eachSecond } from '../lines/each-second.mjs';
import { nowUs } from '../message.mjs';
import { answer, usage } from '../process/answer.mjs';
import { LineReader } from './line-reader.mjs';

const POLL_MS = 50;

let readers;

answer({ connect, record, settle, close, usage: () => usage(nowUs) });

/** @param {{ url: string, policy: string }[]} lines */
async function connect({ lines }) {
  readers = lines.map(line => new LineReader(line));
  await Promise.all(readers.map(reader => reader.ready));
}

function record() {
  eachSecond(second => readers.forEach(reader => reader.look(second)));
}

/** Everybody reads on until each has the newest value of each key, `timeoutMs` at most. Then each tells what it was given. */
async function settle({ lastSeq, timeoutMs }) {
  for (const reader of readers) reader.over();
  const giveUp = performance.now() + timeoutMs;
  const late = () => readers.some(reader => reader.missingKeys(lastSeq) > 0);
  while (late() && performance.now() < giveUp) await sleep(POLL_MS);
  return readers.map(reader => ({ ...reader.report(), missingKeys: reader.missingKeys(lastSeq) }));
}

async function close() {
  await Promise.all(readers.map(reader => reader.leave()));
}
