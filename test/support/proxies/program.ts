import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import type { Configuration } from './configuration.js';
import { Folder, NOBODY } from './folder.js';
import { freePlace, type Place, textOf } from './loopback.js';

/** Milliseconds for a program to start or to take a signal, on a busy machine. */
const PATIENCE_MS = 20_000;

/** One of the proxies: how a configuration of the page becomes a running process. */
export interface Program {
  readonly name: string;
  readonly command: string;
  /** Debian package with the command. */
  readonly package: string;
  /** Texts of the page that are another address or path in a test. */
  places(at: Place, folder: Folder): readonly (readonly [text: string, other: string])[];
  /** Writes the configuration and gives the arguments of a process in the foreground. */
  write(text: string, folder: Folder): string[];
  /** Makes the process read its configuration again: a signal and what it says then, or the arguments of a command. */
  readonly reload:
    { readonly signal: NodeJS.Signals; readonly says: string } | ((folder: Folder) => readonly string[]);
}

/** How a test runs a program, beside its configuration. */
export interface Running {
  /** Addresses of the applications, in the order of the page. */
  readonly apps: readonly Place[];
  /** Files that the process may open, unless it raises that itself. */
  readonly openFiles?: number;
}

/** A proxy that runs as a child process until the test ends. */
export class Proxy {
  readonly #child: ChildProcess;
  readonly #program: Program;
  readonly #folder: Folder;
  readonly #at: Place;

  private constructor(child: ChildProcess, program: Program, folder: Folder, at: Place) {
    this.#child = child;
    this.#program = program;
    this.#folder = folder;
    this.#at = at;
  }

  /** Starts a program with a configuration of the page, and waits until it serves TLS. */
  static async start(program: Program, configuration: Configuration, running: Running): Promise<Proxy> {
    const at = await freePlace();
    const folder = new Folder();
    onTestFinished(({ task }) => {
      if (task.result?.state === 'fail') console.error(`output of ${program.command}:\n${folder.output}`);
      folder.remove();
    });
    const text = filled(configuration, [...program.places(at, folder), ...placesOf(running.apps)]);
    const proxy = new Proxy(run(program, text, folder, running.openFiles), program, folder, at);
    onTestFinished(() => proxy.#kill());
    await proxy.#until(() => accepts(at), 'serve');
    return proxy;
  }

  /** `wss://host:port` */
  get url(): string {
    return `wss://${textOf(this.#at)}`;
  }

  /** Origin of the pages that the proxy serves. */
  get origin(): string {
    return `https://${textOf(this.#at)}`;
  }

  /** What the program has written. */
  get output(): string {
    return this.#folder.output;
  }

  /** Reads the configuration again, as `systemctl reload` does, and waits until that has begun. */
  async reload(): Promise<void> {
    const { command, reload } = this.#program;
    if (typeof reload === 'function') {
      await promisify(execFile)(command, reload(this.#folder), { env: environment(this.#folder) });
      return;
    }
    // HAProxy loses a signal right after its start, so the signal is repeated.
    await this.#until(async () => {
      if (this.output.includes(reload.says)) return true;
      this.#child.kill(reload.signal);
      await delay(300);
      return this.output.includes(reload.says);
    }, 'reload');
  }

  /** Waits until the program has written a text. */
  says(text: string): Promise<void> {
    return this.#until(async () => this.output.includes(text), `say "${text}"`);
  }

  /** Ends, as `systemctl stop` does. */
  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  async #kill(): Promise<void> {
    if (this.#ended) return;
    const exited = once(this.#child, 'exit');
    killGroup(this.#child);
    await exited;
  }

  get #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async #until(holds: () => Promise<boolean>, what: string): Promise<void> {
    const { command, package: debian } = this.#program;
    const deadline = performance.now() + PATIENCE_MS;
    while (!(await holds())) {
      if (this.#child.exitCode === NOT_FOUND)
        throw new Error(`${command} is not installed: apt-get install ${debian}`);
      if (this.#ended) throw new Error(`${command} has ended:\n${this.output}`);
      if (performance.now() > deadline) throw new Error(`${command} does not ${what}:\n${this.output}`);
      await delay(10);
    }
  }
}

/** Exit code of a shell that does not find a command. */
const NOT_FOUND = 127;

/** Addresses of the applications: the first is 127.0.0.1:3000 on the page, the second 127.0.0.1:3001. */
function placesOf(apps: readonly Place[]): readonly (readonly [string, string])[] {
  return apps.map((app, i) => [`127.0.0.1:${3000 + i}`, textOf(app)]);
}

/** The configuration with the addresses and paths of a test, each of which has to be in it. */
function filled({ text }: Configuration, places: readonly (readonly [string, string])[]): string {
  const missing = places.filter(([from]) => !text.includes(from));
  if (missing.length > 0) throw new Error(`no "${missing[0]![0]}" in:\n${text}`);
  const result = places.reduce((rest, [from, to]) => rest.replaceAll(from, to), text);
  if (/127\.0\.0\.1:30\d\d/.test(result)) throw new Error(`more applications than the test has:\n${result}`);
  return result;
}

/** Starts the program in a process group of its own, so that its workers end with it. */
function run(program: Program, text: string, folder: Folder, openFiles: number | undefined): ChildProcess {
  const args = program.write(text, folder);
  const limit = openFiles === undefined ? '' : `ulimit -Sn ${openFiles} && `;
  const output = openSync(folder.outputPath, 'a');
  // The program ends even when the process of the test is killed.
  const script = `${limit}exec setpriv --pdeathsig TERM -- "$0" "$@"`;
  const child = spawn('sh', ['-c', script, program.command, ...args], {
    ...NOBODY,
    cwd: folder.path,
    env: environment(folder),
    stdio: ['ignore', output, output],
    detached: true,
  });
  closeSync(output);
  return child;
}

function environment({ path }: Folder): NodeJS.ProcessEnv {
  return { PATH: `${process.env.PATH}:/usr/sbin`, HOME: path };
}

function killGroup({ pid }: ChildProcess): void {
  try {
    process.kill(-pid!, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** Whether TLS works: Caddy listens before it has a certificate. */
function accepts({ host, port }: Place): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host, port, rejectUnauthorized: false });
    socket.on('secureConnect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
