import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { within } from './within.js';

const MAIN = fileURLToPath(new URL('../app/main.js', import.meta.url));

/** Milliseconds that the application may take to start. */
const START_MS = 20_000;

/** Ports of the application. */
export interface Ports {
  readonly http: number;
  readonly rpc: number;
  readonly own: number;
}

/** The application in a process of its own. */
export class App {
  /** Output of the process. */
  output = '';
  /** Settles when the process has ended. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;

  private constructor(
    readonly process: ChildProcess,
    readonly ports: Ports,
    output: () => string,
  ) {
    Object.defineProperty(this, 'output', { get: output });
    this.exited = new Promise(resolve => process.once('exit', (code, signal) => resolve({ code, signal })));
  }

  static async start(platform: string): Promise<App> {
    const env = {
      ...process.env,
      NO_COLOR: '1',
      NODE_ENV: 'production',
      PLATFORM: platform,
      OWN_PORT: String(await freePort()),
    };
    const child = fork(MAIN, { env, silent: true });
    let output = '';
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding('utf8').on('data', text => (output += text));
    // Whatever happens here, the application does not outlive the checks.
    process.once('exit', () => child.kill('SIGKILL'));
    const started = once(child, 'message').then(([ports]) => ports as Ports);
    const failed = once(child, 'exit').then(() => Promise.reject(new Error(`it did not start:\n${output}`)));
    return new App(child, await within(START_MS, 'start', Promise.race([started, failed])), () => output);
  }

  /** An address on the HTTP server. */
  url(path: string, protocol = 'http'): string {
    return `${protocol}://127.0.0.1:${this.ports.http}${path}`;
  }

  /** Has the process call `app.close()`; gives the milliseconds that it took. */
  async close(): Promise<number> {
    const closed = once(this.process, 'message').then(([{ closedMs }]) => closedMs as number);
    this.process.send('close');
    return closed;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
