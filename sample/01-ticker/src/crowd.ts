import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';

/** What the second process tells once a second. */
export interface CrowdReport {
  connections: number;
  /** Publications a second. */
  received: number;
  /** Publications that never came, since the start. Anything but 0 here is worth a look. */
  lost: number;
  /** The last thing that went wrong, in a few words. */
  problem?: string;
}

/** How long a busy second process may take to notice that it should go. */
const FAREWELL_MS = 1000;

/** The simulated clients: a second process, so that they do not compete with the server for one event loop. */
@Injectable()
export class Crowd implements OnModuleDestroy {
  report: CrowdReport | undefined;
  #process: ChildProcess | undefined;

  gather(url: string, clients: number): void {
    const child = fork(new URL('./clients.js', import.meta.url), [url, String(clients)], { execArgv: [] });
    child.on('message', message => (this.report = message as CrowdReport));
    child.once('exit', (code, signal) => this.#onExit(code ?? signal));
    this.#process = child;
  }

  /** Before the server closes its connections, or the clients would start coming back. */
  async onModuleDestroy(): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    this.#process = undefined;
    const gone = once(child, 'exit');
    child.disconnect();
    const impatience = setTimeout(() => child.kill('SIGKILL'), FAREWELL_MS);
    await gone;
    clearTimeout(impatience);
  }

  #onExit(reason: number | NodeJS.Signals | null): void {
    this.report = undefined;
    if (this.#process === undefined) return;
    this.#process = undefined;
    console.error(`The simulated clients ended unexpectedly (${reason}). The server goes on without them.`);
  }
}
