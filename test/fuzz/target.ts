import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certificate } from '../support/certificate.js';
import type { Address } from './player.js';
import type { Census } from './target/census.js';

/** Milliseconds in which the application answers, whatever it is attacked with. */
const PATIENCE_MS = 10_000;

/** Most heap of the application, in MiB: a leak shows before the machine suffers. */
const HEAP_MIB = 512;

export interface State extends Census {
  /** Errors that nobody caught, or that ended up in the log. */
  readonly faults: readonly string[];
}

export interface TargetSetup {
  readonly tls?: boolean;
  /** A name in ./target/sabotage.ts. */
  readonly sabotage?: string;
}

/** The application under attack, from outside. */
export class Target {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #calls = 0;
  #stderr = '';
  /** Why it is no more. */
  ended: string | undefined;
  #port = 0;

  private constructor(
    child: ChildProcess,
    private readonly tls: boolean,
  ) {
    this.#child = child;
    child.stderr!.on('data', chunk => (this.#stderr = `${this.#stderr}${chunk}`.slice(-4000)));
    child.on('message', ({ id, result, error }: { id: number; result: unknown; error?: string }) => {
      const waiting = this.#pending.get(id);
      this.#pending.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(error));
    });
    child.on('exit', (code, signal) => {
      this.ended = `the process ended with ${signal ?? `exit code ${code}`}: ${this.#stderr}`;
      for (const { reject } of this.#pending.values()) reject(new Error(this.ended));
      this.#pending.clear();
    });
  }

  /** @param script the application, compiled */
  static async start(script: string, { tls = false, sabotage }: TargetSetup = {}): Promise<Target> {
    const directory = tls ? mkdtempSync(join(tmpdir(), 'fanout-fuzz-')) : undefined;
    const file = directory && join(directory, 'certificate.json');
    if (file !== undefined) writeFileSync(file, JSON.stringify(certificate()));
    try {
      const child = fork(script, {
        execArgv: ['--expose-gc', '--enable-source-maps', `--max-old-space-size=${HEAP_MIB}`],
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
        env: { ...process.env, NODE_OPTIONS: '', FUZZ_CERTIFICATE: file, FUZZ_SABOTAGE: sabotage },
      });
      const target = new Target(child, tls);
      target.#port = await target.#call<number>('port');
      return target;
    } finally {
      if (directory !== undefined) rmSync(directory, { recursive: true });
    }
  }

  get address(): Address {
    return { port: this.#port, tls: this.tls };
  }

  get url(): string {
    return `${this.tls ? 'wss' : 'ws'}://127.0.0.1:${this.#port}`;
  }

  state(): Promise<State> {
    return this.#call('state');
  }

  /** Publishes once more, and gives the offset of that. */
  newest(): Promise<number> {
    return this.#call('newest');
  }

  /** Bytes, after a collection. */
  memory(): Promise<{ kept: number; rss: number }> {
    return this.#call('memory');
  }

  rejected(): Promise<Record<string, number>> {
    return this.#call('rejected');
  }

  async stop(): Promise<void> {
    if (this.ended !== undefined) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  #call<T>(method: string): Promise<T> {
    const id = ++this.#calls;
    return new Promise<T>((resolve, reject) => {
      if (this.ended !== undefined) return reject(new Error(this.ended));
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new Error(`no answer to ${method} within ${PATIENCE_MS} ms: the process hangs`));
      }, PATIENCE_MS);
      this.#pending.set(id, {
        resolve: value => {
          clearTimeout(timer);
          resolve(value as T);
        },
        reject: error => {
          clearTimeout(timer);
          reject(error);
        },
      });
      // If it has just ended, its exit rejects the call.
      this.#child.send({ id, method }, () => {});
    });
  }
}
