import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { type BuiltPackage, buildPackage } from './built-package.js';

const FIXTURE = fileURLToPath(new URL('../e2e/delivery/fixtures/exiting-app.mjs', import.meta.url));

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** Milliseconds between the end of `app.close()` and that of the process; none when a signal ended it. */
  readonly afterMs: number;
  /** Milliseconds between the signal and the end of the process. */
  readonly tookMs: number;
}

/** An application in a process of its own. */
export interface ExitingProcess {
  readonly url: string;
  /** Has it call `app.close()`, after which it must end by itself. */
  close(): void;
  /** Sends SIGTERM, which Nest turns into the same and sends once more at the end. */
  terminate(): void;
  kill(): void;
  end(): Promise<ProcessEnd>;
}

/** Builds the package for the tests of a file, and gives the function that starts an application with it. */
export function exitingProcesses(): (drain: number, platform?: string) => Promise<ExitingProcess> {
  let built: BuiltPackage;
  beforeAll(() => {
    built = buildPackage();
  });
  afterAll(() => built.remove());
  return (drain, platform = 'express') =>
    startProcess({
      ...process.env,
      FANOUT_ENTRY: pathToFileURL(built.entry).href,
      DRAIN_MS: String(drain),
      PLATFORM: platform,
      NODE_OPTIONS: '',
    });
}

async function startProcess(env: NodeJS.ProcessEnv): Promise<ExitingProcess> {
  const child = spawn(process.execPath, [FIXTURE], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout }).on('line', line => lines.push(line));
  const exited = once(child, 'close') as Promise<[number | null, string | null]>;
  await Promise.race([once(reader, 'line'), exited]);
  const port = Number(/^port (\d+)$/.exec(lines[0] ?? '')?.[1]);
  let from = Number.NaN;
  const send = (signal: NodeJS.Signals): void => {
    from = performance.now();
    child.kill(signal);
  };
  return {
    url: `ws://127.0.0.1:${port}`,
    close: () => send('SIGUSR2'),
    terminate: () => send('SIGTERM'),
    kill: () => send('SIGKILL'),
    async end() {
      const [code, signal] = await exited;
      const tookMs = performance.now() - from;
      return { code, signal, afterMs: Number(/^exit (\d+)$/.exec(lines.at(-1)!)?.[1]), tookMs };
    },
  };
}
