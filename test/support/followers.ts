import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { Agent, WebSocket } from 'undici';
import { onTestFinished } from 'vitest';

export const PYTHON = '/usr/bin/python3';
export const SUBSCRIBER = fileURLToPath(new URL('subscriber.py', import.meta.url));

/** Whether Debian's python3-websockets is there. CI installs it, so there its absence is a failure. */
export const hasPython: boolean =
  process.env.CI === 'true' ||
  spawnSync(PYTHON, ['-c', 'import websockets'], { stdio: 'ignore' }).status === 0;

/** A client of somebody else that has subscribed to topics. */
export interface Follower {
  /** Every frame that it got, parsed. */
  frames(): Promise<any[]>;
  /** Whether it was closed. */
  isClosed(): Promise<boolean>;
}

/** Connects, and subscribes to topics. */
export type Follow = (url: string, topics: readonly string[]) => Promise<Follower>;

const subscribes = (topics: readonly string[]): string[] =>
  topics.map((topic, i) => JSON.stringify({ event: 'subscribe', id: i + 1, data: { topic } }));

export const undici: Follow = async (url, topics) => {
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
  onTestFinished(() => dispatcher.destroy());
  const socket = new WebSocket(url, { dispatcher });
  const frames: any[] = [];
  socket.addEventListener('open', () => subscribes(topics).forEach(text => socket.send(text)));
  socket.addEventListener('message', ({ data }) => frames.push(JSON.parse(data as string)));
  return {
    frames: async () => frames,
    isClosed: async () => socket.readyState > WebSocket.OPEN,
  };
};

export const python: Follow = async (url, topics) => {
  const child = spawn(PYTHON, [SUBSCRIBER, url, topics.join()], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const seen: any[] = [];
  createInterface({ input: child.stdout }).on('line', line => seen.push(JSON.parse(line)));
  return {
    frames: async () => seen.flatMap(({ frame }) => (frame === undefined ? [] : [frame])),
    isClosed: async () => child.exitCode !== null,
  };
};

/** A page of Chromium. */
export const chromiumIn =
  (browser: () => Browser): Follow =>
  async (url, topics) => {
    const context = await browser().newContext({ ignoreHTTPSErrors: true });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await page.evaluate(
      ([to, texts]) => {
        const window = globalThis as any;
        const socket = (window.socket = new window.WebSocket(to));
        window.seen = [];
        socket.addEventListener('open', () => texts.forEach((text: string) => socket.send(text)));
        socket.addEventListener('message', ({ data }: { data: string }) =>
          window.seen.push(JSON.parse(data)),
        );
      },
      [url, subscribes(topics)] as const,
    );
    return {
      frames: () => page.evaluate('seen'),
      isClosed: () => page.evaluate('socket.readyState > 1'),
    };
  };
