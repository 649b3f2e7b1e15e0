import type { Clock, Timer } from '../../time/clock.js';
import { CLOSE } from '../../errors/close-codes.js';
import type { WebSocket } from 'ws';
import { type ClientSession, sessionOf } from '../session/client-session.js';
import type { Offenders } from './offenders.js';
import { isReceiving } from '../../ws/receiver-state.js';

/**
 * Rounds over all connections within the time limit of a message. A late message is found after at most two more
 * rounds, less than a quarter of the limit.
 */
const LOOKS = 9;

/** Most steps of a round. Fewer if a step would be shorter than the least. */
const MOST_STEPS = 32;
const LEAST_STEP_MS = 10;

/** Connections to visit. New connections are appended. */
export interface Watched extends Iterable<{ readonly socket: WebSocket }> {
  readonly size: number;
}

/** The collaborators of {@link UnfinishedMessages}. */
export interface UnfinishedDeps {
  /** Milliseconds until a message must be complete; 0 for no limit. */
  readonly messageTime: number;
  readonly connections: Watched;
  readonly offenders: Offenders;
  readonly clock: Pick<Clock, 'now' | 'setInterval' | 'clearInterval'>;
  readonly logger: { warn(line: string): void };
}

/** Unfinished message found at a visit. */
interface Note {
  /** Time of the first visit, in milliseconds of this walk. */
  readonly since: number;
  /** Arrival of the previous message, which tells this message from the next. */
  readonly after: number;
}

/**
 * Closes connections whose message is not complete in time. One timer visits all connections, a few at a time, so idle
 * connections and messages cost nothing extra.
 */
export class UnfinishedMessages {
  readonly #deps: UnfinishedDeps;
  readonly #stepMs: number;
  readonly #steps: number;
  readonly #notes = new Map<ClientSession, Note>();
  #timer: Timer | undefined;
  #walk: Iterator<{ readonly socket: WebSocket }> | undefined;
  /** Milliseconds so far, without times in which the event loop stood still. */
  #time = 0;
  #steppedAt = 0;
  #blind = false;

  constructor(deps: UnfinishedDeps) {
    this.#deps = deps;
    const round = deps.messageTime / LOOKS;
    this.#steps = Math.min(MOST_STEPS, Math.max(1, Math.floor(round / LEAST_STEP_MS)));
    this.#stepMs = Math.max(1, round / this.#steps);
  }

  /** Starts the timer for a new connection, if it is not running. */
  watch(): void {
    const { clock, messageTime } = this.#deps;
    if (this.#timer !== undefined || messageTime === 0 || this.#blind) return;
    this.#steppedAt = clock.now();
    this.#timer = clock.setInterval(this.#step, this.#stepMs);
    this.#timer.unref();
  }

  /** Removes a connection that has ended. */
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
    // Data that arrived while the loop stood still is not read yet. That time counts against no client.
    this.#time += Math.min(now - this.#steppedAt, 2 * this.#stepMs);
    this.#steppedAt = now;
    for (let left = Math.ceil(connections.size / this.#steps); left > 0; left--) {
      const next = this.#next();
      // The last connection may have ended during the previous visit.
      if (next === undefined || this.#timer === undefined) return;
      this.#look(sessionOf(next.socket)!);
    }
  };

  /** Returns the next connection, then the first again; undefined without connections. */
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
    // A paused socket is not read, so its message cannot become complete.
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

  /** Gives up, because this `ws` keeps its state in another way. Connections then have no such limit. */
  #giveUp(): void {
    this.#blind = true;
    this.stop();
    this.#deps.logger.warn(
      'limits.messageTime has no effect: this version of ws does not show which messages are unfinished',
    );
  }
}
