import { once } from 'node:events';
import net from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import tls from 'node:tls';
import { Answer } from './answer.js';
import { bytesOf, type End, type Script, type Step } from './script.js';

/** Milliseconds in which the server must have answered a request, and be gone when it refuses. Twice what it promises. */
const OWED_MS = 2500;

/** Milliseconds that a half-closed peer still listens. */
const LAST_WORDS_MS = 15;

/** Writes of one script at most: a `bite` of one byte must not take minutes. */
const MOST_BITES = 400;

export interface Address {
  readonly port: number;
  readonly tls: boolean;
}

/** What came of a script. */
export interface Outcome {
  readonly status: number | undefined;
  readonly closeCode: number | undefined;
  /** What the server did that it must not. */
  readonly violations: readonly string[];
}

/** Plays a script against the server; whatever happens, the socket is gone when it resolves. */
export async function play(script: Script, address: Address): Promise<Outcome> {
  const playing = new Play(script, address);
  try {
    await playing.run();
  } finally {
    await playing.leave();
  }
  return playing.outcome;
}

class Play {
  readonly #script: Script;
  /** What is reset when TLS is spoken over it. */
  readonly #raw: net.Socket;
  readonly #socket: net.Socket;
  readonly #answer = new Answer();
  /** Whether it speaks what the server speaks. */
  readonly #speaksTo: boolean;
  readonly #violations: string[] = [];
  #bites = 0;
  /** The server has ended its side, or the connection. */
  #ended = false;
  readonly #changed = new Set<() => void>();

  constructor(script: Script, address: Address) {
    this.#script = script;
    this.#speaksTo = !address.tls || script.plain !== true;
    this.#raw = connect(script, address);
    this.#raw.on('error', () => {});
    this.#socket =
      address.tls && script.plain !== true
        ? tls.connect({ socket: this.#raw, rejectUnauthorized: false })
        : this.#raw;
    this.#raw.on('connect', () => this.#change());
    this.#socket.on('data', chunk => {
      this.#answer.take(chunk);
      this.#change();
    });
    for (const event of ['end', 'error', 'close'])
      this.#socket.on(event, () => {
        this.#ended = true;
        this.#change();
      });
  }

  get outcome(): Outcome {
    // Who speaks no TLS is answered by an alert of TLS.
    const fault = this.#speaksTo ? this.#answer.atEnd() : undefined;
    return {
      status: this.#answer.status,
      closeCode: this.#answer.closeCode,
      violations: fault === undefined ? this.#violations : [...this.#violations, fault],
    };
  }

  async run(): Promise<void> {
    await this.#until(() => !this.#raw.connecting, OWED_MS);
    let gathered: Buffer[] = [];
    for (const step of this.#script.steps) {
      const bytes = bytesOf(step);
      if (bytes !== undefined) {
        gathered.push(bytes);
        continue;
      }
      await this.#write(Buffer.concat(gathered));
      gathered = [];
      if (this.#socket.destroyed) return;
      if ((await this.#act(step)) === 'end') return;
    }
    await this.#write(Buffer.concat(gathered));
  }

  async leave(): Promise<void> {
    if (this.#socket.closed) return;
    const closed = once(this.#socket, 'close');
    this.#socket.destroy();
    await closed.catch(() => {});
  }

  async #act(step: Step): Promise<'end' | undefined> {
    if ('wait' in step) {
      if (step.wait === 'answer')
        await this.#owe(() => this.#answer.status !== undefined || this.#ended, 'answer');
      else if (step.wait === 0) await turn();
      else await this.#until(() => this.#ended, step.wait);
    } else if ('stop' in step) this.#socket.pause();
    else if ('end' in step) {
      await this.#end(step.end);
      return 'end';
    }
    return undefined;
  }

  async #end(end: End): Promise<void> {
    if (end === 'rst') {
      this.#raw.resetAndDestroy();
    } else if (end === 'fin') {
      this.#socket.end();
      await this.#until(() => this.#ended, LAST_WORDS_MS);
    } else if (end === 'closed')
      await this.#owe(() => this.#ended || this.#answer.closeCode !== undefined, 'close');
    else await this.#owe(() => this.#ended, 'end of the connection');
  }

  async #write(bytes: Buffer): Promise<void> {
    const bite = this.#script.bite ?? bytes.length;
    let at = 0;
    while (at < bytes.length && this.#socket.writable) {
      const end = ++this.#bites > MOST_BITES ? bytes.length : at + bite;
      this.#socket.write(bytes.subarray(at, end));
      at = end;
      if (at < bytes.length) await turn();
    }
  }

  async #owe(holds: () => boolean, what: string): Promise<void> {
    if (await this.#until(holds, OWED_MS)) return;
    this.#violations.push(`no ${what} within ${OWED_MS} ms`);
  }

  /** Waits until it holds, and for so long at most; tells whether it does. */
  #until(holds: () => boolean, ms: number): Promise<boolean> {
    return new Promise(resolve => {
      const look = (): void => {
        if (!holds() && !this.#socket.destroyed) return;
        clearTimeout(timer);
        this.#changed.delete(look);
        resolve(true);
      };
      const timer = setTimeout(async () => {
        // If it was this process that was late, what it waits for is there already.
        await turn();
        await turn();
        look();
        if (!this.#changed.delete(look)) return;
        resolve(false);
      }, ms);
      this.#changed.add(look);
      look();
    });
  }

  #change(): void {
    for (const look of this.#changed) look();
  }
}

function connect({ from = 1 }: Script, { port }: Address): net.Socket {
  const localAddress = `127.0.0.${from}`;
  return net.connect({ host: '127.0.0.1', port, localAddress, allowHalfOpen: true, noDelay: true });
}
