import { spawn } from 'node:child_process';
import { basename } from 'node:path';

/** Every process this run has started and not yet seen end: what Ctrl-C and the watchdog must end, and nothing else. */
const alive = new Set();

/** A benchmark process pinned to one core, and calls into it. */
export class Child {
  #process;
  #name;
  #pending = new Map();
  #calls = 0;
  #ended;

  /**
   * @param {string} script
   * @param {{ cpu?: number, nodeArgs?: string[], env?: Record<string, string>, namespace?: string }} options without `cpu` it is not pinned; `namespace`: the network namespace it is in
   */
  constructor(script, { cpu, nodeArgs = [], env = {}, namespace } = {}) {
    this.#name = basename(script, '.mjs');
    // ip and taskset replace themselves with node, so the pid is node's and the IPC descriptor passes through.
    const [command, ...args] = [
      ...(namespace === undefined ? [] : ['ip', 'netns', 'exec', namespace]),
      ...(cpu === undefined ? [] : ['taskset', '-c', String(cpu)]),
      process.execPath,
      ...nodeArgs,
      script,
    ];
    this.#process = spawn(command, args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, ...env },
    });
    this.#process.on('message', message => this.#settle(message));
    alive.add(this);
    this.#ended = new Promise(resolve => {
      const end = why => {
        alive.delete(this);
        for (const { reject } of this.#pending.values()) reject(new Error(`${this.#name} ended: ${why}`));
        this.#pending.clear();
        resolve();
      };
      this.#process.once('error', error => end(error.message));
      this.#process.once('exit', (code, signal) => end(signal ?? `exit code ${code}`));
    });
  }

  /** Rejects when the child fails, ends, or says nothing for `timeoutMs`: no call may hang the run. */
  call(method, args = {}, timeoutMs = 30_000) {
    const id = ++this.#calls;
    return new Promise((resolve, reject) => {
      if (!alive.has(this)) return reject(new Error(`${this.#name} has ended`));
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new Error(`${this.#name}: no answer to '${method}' within ${timeoutMs} ms`));
      }, timeoutMs);
      const done = settle => value => {
        clearTimeout(timer);
        settle(value);
      };
      this.#pending.set(id, { resolve: done(resolve), reject: done(reject) });
      // A child that has just died: its exit rejects the call.
      this.#process.send({ id, method, args }, () => {});
    });
  }

  #settle({ id, result, error }) {
    const waiting = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(`${this.#name}: ${error}`));
  }

  async stop() {
    if (!alive.has(this)) return;
    this.#process.kill('SIGTERM');
    const harder = setTimeout(() => this.#process.kill('SIGKILL'), 3000);
    await this.#ended;
    clearTimeout(harder);
  }
}

export async function stopAll() {
  await Promise.all([...alive].map(child => child.stop()));
}
