import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { App } from './app.js';
import type { Report } from './report.js';

/** Milliseconds between two heartbeats of a client, and until it takes the server for dead. */
const HEARTBEAT = { interval: 100, timeout: 400 };

/** Milliseconds that a client is watched: several times what it waits for an answer. */
const WATCHED_MS = 1500;

/** Packages for browsers, without their types. */
const load = (name: string): Promise<any> => import(name);

/** What a client library has told of its connection. */
interface Told {
  /** Frames as they came. */
  readonly frames: unknown[];
  /** Frames that were passed on to the page. */
  readonly passedOn: unknown[];
  closes: number;
}

/** Heartbeats of client libraries for browsers, by their own code. */
export async function checkKeepAlives(report: Report, app: App): Promise<void> {
  const url = app.url('/open', 'ws');
  // React and vueuse look for a browser when they are loaded. Vue must not find one, or it would use the page.
  Object.assign(globalThis, { WebSocket, window: globalThis });
  const { effectScope } = await load('vue');
  Object.assign(globalThis, { document: {} });

  await report.check(
    'keep-alive: react-use-websocket stays connected, and its page sees nothing of it',
    async () => {
      const told: Told = { frames: [], passedOn: [], closes: 0 };
      const { default: module } = await load('react-use-websocket');
      const { createElement } = await load('react');
      const { create } = await load('react-test-renderer');
      const Page = (): null => {
        const { lastMessage } = (module.default ?? module)(url, {
          // The message is the default of the library.
          heartbeat: { ...HEARTBEAT, returnMessage: 'pong' },
          onMessage: ({ data }: { data: unknown }) => told.frames.push(data),
          onClose: () => told.closes++,
        });
        if (lastMessage !== null) told.passedOn.push(lastMessage.data);
        return null;
      };
      const page = create(createElement(Page));
      await delay(WATCHED_MS);
      assertAlive(told);
      page.unmount();
    },
  );

  await report.check('keep-alive: vueuse stays connected, and its page sees nothing of it', async () => {
    const told: Told = { frames: [], passedOn: [], closes: 0 };
    const { useWebSocket } = await load('@vueuse/core');
    const scope = effectScope();
    const { close } = scope.run(() =>
      useWebSocket(url, {
        autoClose: false,
        heartbeat: { interval: HEARTBEAT.interval, pongTimeout: HEARTBEAT.timeout, responseMessage: 'pong' },
        onConnected: (socket: WebSocket) =>
          socket.addEventListener('message', ({ data }) => void told.frames.push(data)),
        onMessage: (_: unknown, { data }: { data: unknown }) => told.passedOn.push(data),
        onDisconnected: () => told.closes++,
      }),
    );
    await delay(WATCHED_MS);
    assertAlive(told);
    close();
    scope.stop();
  });

  for (const name of ['WebSocket', 'window', 'document']) Reflect.deleteProperty(globalThis, name);
}

function assertAlive({ frames, passedOn, closes }: Told): void {
  assert.ok(frames.length > 2, `only ${frames.length} answers`);
  assert.deepEqual(new Set(frames), new Set(['pong']));
  assert.deepEqual(passedOn, []);
  assert.equal(closes, 0);
}
