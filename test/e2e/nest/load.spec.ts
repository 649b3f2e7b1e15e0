import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { CLOSE, type FanoutMetrics, type FanoutOptions } from 'nestjs-fanout';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { type BuiltPackage, buildPackage } from '../../support/built-package.js';
import { Client } from '../../support/client.js';

const FIXTURE = fileURLToPath(new URL('fixtures/loaded-app.mjs', import.meta.url));

let built: BuiltPackage;
beforeAll(() => {
  built = buildPackage();
});
afterAll(() => built.remove());

type Answer = Pick<FanoutMetrics, 'overload' | 'rejected'>;

/** Starts the application in a process of its own. */
async function startLoaded(options: FanoutOptions, execArgv: string[] = []) {
  const child = fork(FIXTURE, {
    execArgv,
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      FANOUT_ENTRY: built.entry,
      OPTIONS: JSON.stringify(options),
    },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const told = async <T>(): Promise<T> => ((await once(child, 'message')) as [T])[0];
  const { port } = await told<{ port: number }>();
  const url = `ws://127.0.0.1:${port}`;
  const ask = (what: { busy?: number; full?: boolean }): Promise<Answer> => {
    child.send(what);
    return told<Answer>();
  };
  return {
    url,
    ask,
    /** Waits until the load is what it is to be. */
    async until(overload: FanoutMetrics['overload']): Promise<Answer> {
      for (;;) {
        const answer = await ask({});
        if (answer.overload === overload) return answer;
        await new Promise(resolve => setTimeout(resolve, 20));
      }
    },
  };
}

/** Status and Retry-After of a refused upgrade. */
async function refusal(url: string): Promise<{ status: number | undefined; retryAfter: number }> {
  const socket = new WebSocket(url);
  socket.on('error', () => {});
  const [, response] = await once(socket, 'unexpected-response');
  response.resume();
  return { status: response.statusCode, retryAfter: Number(response.headers['retry-after']) };
}

/** What an overload does to a client that comes, and to one that is there with a subscription to `clock`. */
async function expectShedding(url: string, present: Client): Promise<void> {
  const { status, retryAfter } = await refusal(url);
  expect(status).toBe(503);
  expect(retryAfter).toBeGreaterThan(0);
  const { closed } = await Client.connect(url, ['fanout.v1.json']);
  const { code, reason } = await closed;
  expect(code).toBe(CLOSE.BUSY.code);
  expect(reason).toMatch(/^server busy; retry-after=\d+$/);
  const { data } = await present.subscribe('news');
  expect(data).toMatchObject({ code: 'BUSY', topic: 'news' });
  const { offset } = present.publications('clock').at(-1)!;
  await present.next(frame => frame.topic === 'clock' && frame.offset > offset + 2);
}

/** Nobody has to do anything for it: the same clients get what was refused. */
async function expectNormal(url: string, present: Client): Promise<void> {
  expect((await present.subscribe('news')).event).toBe('subscribed');
  const late = await Client.connect(url);
  expect((await late.subscribe('clock')).event).toBe('subscribed');
  const offsets = present.publications('clock').map(({ offset }) => offset);
  expect(offsets).toEqual(offsets.map((_, i) => offsets[0]! + i));
}

describe('a server that cannot keep up', () => {
  it('refuses what is new while its loop is blocked, serves who is there, and recovers', async () => {
    const { url, ask, until } = await startLoaded({ limits: { loopDelay: 100 } });
    const present = await Client.connect(url);
    await present.subscribe('clock');
    await ask({ busy: 400 });
    await until('loop-delay');
    await expectShedding(url, present);
    expect((await ask({})).rejected['loop-delay']).toBe(3);
    await ask({ busy: 0 });
    await until(undefined);
    await expectNormal(url, present);
  });

  it('refuses nothing for one turn that takes long', async () => {
    const { url, ask } = await startLoaded({ limits: { loopDelay: 100 } });
    const present = await Client.connect(url);
    await ask({ busy: 1500 });
    expect((await ask({ busy: 0 })).overload).toBeUndefined();
    await expectNormal(url, present);
  });

  it('refuses what is new while its heap is full, serves who is there, and recovers', async () => {
    const { url, ask, until } = await startLoaded({ limits: { heap: 0.3 } }, ['--max-old-space-size=256']);
    const present = await Client.connect(url);
    await present.subscribe('clock');
    await ask({ full: true });
    await until('heap');
    await expectShedding(url, present);
    expect((await ask({})).rejected.heap).toBe(3);
    await ask({ full: false });
    await until(undefined);
    await expectNormal(url, present);
  }, 60_000);
});
