import { onTestFinished } from 'vitest';
import { RawUpgrade } from './raw-upgrade.js';
import { eventually } from './client.js';

/** Milliseconds between two upgrades. */
const EVERY_MS = 2;

/** Upgrades that come one by one while an application closes, each on a connection of its own. Their clients leave when they are answered. */
export class Trickle {
  readonly #url: string;
  readonly #path: string;
  readonly #timer: NodeJS.Timeout;
  readonly #under = new Set<Promise<void>>();
  /** What became of them: the status and the headers for the connection, or `none` when it was refused or cut. */
  readonly outcomes: string[] = [];

  constructor(url: string, path: string) {
    this.#url = url;
    this.#path = path;
    this.#timer = setInterval(() => {
      const sent = this.#send().finally(() => this.#under.delete(sent));
      this.#under.add(sent);
    }, EVERY_MS);
    onTestFinished(() => clearInterval(this.#timer));
  }

  /** Upgrades with an answer. */
  get answered(): number {
    return this.outcomes.filter(outcome => outcome !== 'none').length;
  }

  /** Resolves when some more upgrades have been answered. */
  more(count: number): Promise<void> {
    const enough = this.answered + count;
    return eventually(() => this.answered >= enough, `answer to an upgrade to ${this.#path}`);
  }

  /** Sends no more, and resolves with every kind of outcome there was. */
  async end(): Promise<Set<string>> {
    clearInterval(this.#timer);
    await Promise.all(this.#under);
    return new Set(this.outcomes);
  }

  async #send(): Promise<void> {
    const upgrade = await RawUpgrade.to(this.#url + this.#path).catch(() => undefined);
    if (upgrade === undefined) return void this.outcomes.push('none');
    await Promise.race([upgrade.answered, upgrade.closed]);
    this.outcomes.push(outcomeOf(upgrade));
    upgrade.socket.destroy();
  }
}

/** An answer in short, such as `503, close, retry`. */
export function outcomeOf(upgrade: RawUpgrade): string {
  if (upgrade.text === '') return 'none';
  const retry = upgrade.header('retry-after');
  return [
    upgrade.status,
    upgrade.header('connection')?.toLowerCase() ?? 'nothing of the connection',
    ...(retry === undefined ? [] : [Number(retry) > 0 ? 'retry' : `retry ${retry}`]),
  ].join(', ');
}
