import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { Client } from '../../support/client.js';
import { RawClient } from './support/raw-client.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const FIXTURE = fileURLToPath(new URL('fixtures/exiting-app.mjs', import.meta.url));

let built: string | undefined;
let entry: string;

beforeAll(() => {
  if (process.env.FANOUT_ENTRY !== undefined) {
    entry = pathToFileURL(process.env.FANOUT_ENTRY).href;
    return;
  }
  // Below node_modules, so that the package finds its dependencies and no tool takes it for a source.
  mkdirSync(`${ROOT}node_modules/.cache`, { recursive: true });
  built = mkdtempSync(`${ROOT}node_modules/.cache/fanout-exit-`);
  const arguments_ = ['-p', `${ROOT}tsconfig.build.json`, '--outDir', built];
  const { status, stdout } = spawnSync(`${ROOT}node_modules/.bin/tsc`, arguments_, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the package does not compile:\n${stdout}`);
  entry = pathToFileURL(`${built}/index.js`).href;
});

afterAll(() => {
  if (built !== undefined) rmSync(built, { recursive: true });
});

/** Starts the application in a process of its own, and tells its port and how long after `app.close()` it ended. */
async function startProcess(drain: number) {
  const child = spawn(process.execPath, [FIXTURE], {
    env: { ...process.env, FANOUT_ENTRY: entry, DRAIN_MS: String(drain), NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout }).on('line', line => lines.push(line));
  const exited = once(child, 'close') as Promise<[number | null, string | null]>;
  await Promise.race([once(reader, 'line'), exited]);
  const port = Number(/^port (\d+)$/.exec(lines[0] ?? '')?.[1]);
  return {
    url: `ws://127.0.0.1:${port}`,
    close: () => child.kill('SIGUSR2'),
    kill: () => child.kill('SIGKILL'),
    async end(): Promise<{ code: number | null; afterMs: number }> {
      const [code] = await exited;
      return { code, afterMs: Number(/^exit (\d+)$/.exec(lines.at(-1)!)?.[1]) };
    },
  };
}

it('a process ends by itself after app.close(), with clients, a source and a history', async () => {
  const { url, close, end } = await startProcess(5000);
  const client = await Client.connect(url);
  await client.subscribe('clock');
  await client.subscribe('log');
  await client.until(() => client.publications('clock').length > 3);
  close();
  expect((await client.closed).code).toBe(1012);
  expect(client.publications('log').map(({ data }) => data)).toEqual(['last']);
  const { code, afterMs } = await end();
  expect(code).toBe(0);
  expect(afterMs).toBeLessThan(500);
});

it('a process ends by itself also when a client neither reads nor answers the close', async () => {
  const { url, close, end } = await startProcess(300);
  const rude = await RawClient.connect(url);
  await rude.subscribe('clock');
  rude.socket.pause();
  close();
  const { code, afterMs } = await end();
  expect(code).toBe(0);
  expect(afterMs).toBeLessThan(500);
});

it('a process that is killed leaves nothing: its clients see 1006, and the next one recovers nothing', async () => {
  const [dying, next] = [await startProcess(300), await startProcess(300)];
  const client = await Client.connect(dying.url);
  const { position } = (await client.subscribe('log')).data;
  dying.kill();
  expect((await client.closed).code).toBe(1006);
  const back = await Client.connect(next.url);
  const { data } = await back.subscribe('log', position);
  expect(data.recovered).toBe(false);
  // As far as the other, and yet another topic.
  const [[, offset], [, before]] = [data.position.split(':'), position.split(':')];
  expect([offset, before]).toEqual(['1', '1']);
  expect(data.position).not.toBe(position);
});
