import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { FanoutOptions } from 'nestjs-fanout';
import { inject, onTestFinished } from 'vitest';

const FIXTURES = new URL('../../attacks/fixtures/', import.meta.url);

export interface ChildSetup {
  /** `plain` is Nest's own WsAdapter. */
  readonly kind: 'plain' | 'fanout';
  readonly options?: FanoutOptions;
  /** Options of the gateway, for what FanoutModule has options of its own for. */
  readonly gateway?: object;
  /** Resolves `ws` to the old release that Nest's platform-ws pins, everywhere. */
  readonly oldWs?: boolean;
}

/** What a process holds after a full garbage collection, in bytes. */
export interface Held {
  /** Objects and the bytes that they own outside of the heap. */
  readonly bytes: number;
  readonly arrayBuffers: number;
}

/** A server in a process of its own, whose memory nobody else's mixes with, and which may die. */
export interface ChildServer {
  readonly url: string;
  /** Version of `ws` that the server runs on. */
  readonly ws: string;
  /** Settles with the exit code when the process has ended by itself. */
  readonly exited: Promise<number | null>;
  held(): Promise<Held>;
  seen(): Promise<Seen>;
}

/** What a server noted of its clients. */
export interface Seen {
  /** Messages that handlers have been given, and the characters of the longest. */
  readonly count: number;
  readonly longest: number;
  /** Most bytes that a socket had to write when a ping came. */
  readonly queued: number;
}

/** Starts `fixtures/server.mjs`; it is killed when the test ends. */
export async function startChild({ kind, options, gateway, oldWs }: ChildSetup): Promise<ChildServer> {
  const hooks = oldWs ? ['--import', fileURLToPath(new URL('old-ws.mjs', FIXTURES))] : [];
  const child = fork(new URL('server.mjs', FIXTURES), {
    execArgv: ['--expose-gc', '--max-old-space-size=512', ...hooks],
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      KIND: kind,
      FANOUT_ENTRY: inject('builtEntry'),
      OPTIONS: JSON.stringify(options ?? {}),
      GATEWAY: JSON.stringify(gateway ?? {}),
    },
    // What a dying process says of itself is expected here.
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let complaint = '';
  child.stderr!.on('data', chunk => (complaint += chunk));
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const ask = async <T>(question: string): Promise<T> => {
    const answer = once(child, 'message');
    child.send(question);
    return (await answer)[0] as T;
  };
  const started = await Promise.race([once(child, 'message'), exited]);
  if (!Array.isArray(started)) throw new Error(`the server did not start:\n${complaint}`);
  const [{ port, ws }] = started as [{ port: number; ws: string }];
  return {
    url: `ws://127.0.0.1:${port}`,
    ws,
    exited,
    held: () => ask<Held>('held'),
    seen: () => ask<Seen>('seen'),
  };
}
