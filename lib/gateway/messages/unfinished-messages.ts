import { CLOSE } from '../../errors/close-codes.js';
import type { WebSocket } from 'ws';
import { type ClientSession, sessionOf } from '../session/client-session.js';
import type { Offenders } from './offenders.js';
import { isReceiving } from '../../ws/receiver-state.js';

/** Looks at each connection within the time of a message: we are at most two of them late, so less than a quarter. */
const LOOKS = 9;

/** Steps that a round is divided into, if they are no shorter than the least. */
const MOST_STEPS = 32;
const LEAST_STEP_MS = 10;

/** Time, injected so that tests hold it. */
export interface SweepClock {
  /** Milliseconds of a clock that does not go back. */
  now(): number;
  setInterval(callback: () => void, ms: number): { unref(): unknown };
  clearInterval(timer: unknown): void;
}

/** What is walked: connections that come meanwhile are at the end of it. */
export interface Watched extends Iterable<{ readonly socket: WebSocket }> {
  readonly size: number;
}

/** The collaborators of {@link UnfinishedMessages}. */
export interface UnfinishedDeps {
  /** Milliseconds a message may take, 0 for no limit. */
  readonly messageTime: number;
  readonly connections: Watched;
  readonly offenders: Offenders;
  readonly clock: SweepClock;
  readonly logger: { warn(line: string): void };
}

/** A message that was found unfinished. */
interface Note {
  /** Milliseconds of the walk. */
  readonly since: number;
  /** When the message before it came: it tells this one from the next. */
  readonly after: number;
}

/**
 * Closes connections whose message is not whole in time. One timer walks over all of them, some at a time, so that
 * neither an idle connection nor a message costs anything.
 */
export class UnfinishedMessages {
  readonly #deps: UnfinishedDeps;
  readonly #stepMs: number;
  readonly #steps: number;
  readonly #notes = new Map<ClientSession, Note>();
  #timer: { unref(): unknown } | undefined;
  #walk: Iterator<{ readonly socket: WebSocket }> | undefined;
  /** Milliseconds in which the loop turned. */
  #time = 0;
  #steppedAt = 0;
  #blind = false;

  constructor(deps: UnfinishedDeps) {
    this.#deps = deps;
    const round = deps.messageTime / LOOKS;
    this.#steps = Math.min(MOST_STEPS, Math.max(1, Math.floor(round / LEAST_STEP_MS)));
    this.#stepMs = Math.max(1, round / this.#steps);
  }

  /** Called for each new connection: the walk goes on while there is one. */
  watch(): void {
    const { clock, messageTime } = this.#deps;
    if (this.#timer !== undefined || messageTime === 0 || this.#blind) return;
    this.#steppedAt = clock.now();
    this.#timer = clock.setInterval(this.#step, this.#stepMs);
    this.#timer.unref();
  }

  /** A connection has ended. */
  forget(session: ClientSession): void {
    this.#notes.delete(session);
  }

  stop(): void {
    this.#deps.clock.clearInterval(this.#timer);
    this.#timer = this.#walk = undefined;
    this.#notes.clear();
  }

  readonly #step = (): void => {
    const { clock, connections } = this.#deps;
    if (connections.size === 0) return this.stop();
    const now = clock.now();
    // What came while the loop stood still is not read yet: nobody is late for that.
    this.#time += Math.min(now - this.#steppedAt, 2 * this.#stepMs);
    this.#steppedAt = now;
    for (let left = Math.ceil(connections.size / this.#steps); left > 0; left--) {
      const next = this.#next();
      // The last one may have ended in the look before.
      if (next === undefined || this.#timer === undefined) return;
      this.#look(sessionOf(next.socket)!);
    }
  };

  /** The next connection, the first again after the last; undefined when there is none. */
  #next(): { readonly socket: WebSocket } | undefined {
    const { connections } = this.#deps;
    const next = this.#walk?.next();
    if (next !== undefined && !next.done) return next.value;
    this.#walk = connections[Symbol.iterator]();
    const first = this.#walk.next();
    return first.done ? undefined : first.value;
  }

  #look(session: ClientSession): void {
    const { connection, usedAt } = session;
    const { socket } = connection;
    const unfinished = isReceiving(socket);
    if (unfinished === undefined) return this.#giveUp();
    // Of a socket that is paused we do not read the rest.
    if (!unfinished || !connection.open || socket.isPaused) {
      this.#notes.delete(session);
      return;
    }
    const note = this.#notes.get(session);
    if (note?.after !== usedAt) {
      this.#notes.set(session, { since: this.#time, after: usedAt });
    } else if (this.#time - note.since >= this.#deps.messageTime) {
      this.#notes.delete(session);
      this.#deps.offenders.expel(session, 'message-time', CLOSE.UNFINISHED);
    }
  }

  /** Another `ws` may keep its state otherwise; connections go on without this limit. */
  #giveUp(): void {
    this.#blind = true;
    this.stop();
    this.#deps.logger.warn(
      'limits.messageTime is not kept: this version of ws does not show which messages are unfinished',
    );
  }
}
