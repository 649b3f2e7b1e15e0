import { CLOSE } from '../../lib/errors/close-codes.js';
import type { Subscription } from '../../lib/topic/subscription.js';
import type { Topic } from '../../lib/topic/topic.js';
import { bytesBetween } from './ledger.js';
import type { Life } from './life.js';
import type { Connection } from './server.js';
import { demand } from './violation.js';
import type { World } from './world.js';

/** Looks of the core in one grace, and a timer's share of it: so much later than its grace a frozen peer is closed at most. */
const GRACE_SLACK = 1.75;

/** Gaps that one connection alone gets, in the middle of a batch that all share, are not counted. */
const UNCOUNTED_BYTES = 4096;

/** A connection that is behind. */
interface Lag {
  readonly behind: ReadonlySet<Subscription>;
  readonly since: number;
}

/** Looks at the server while a scenario is played: at its memory, and at whom it closes as slow. */
export class Watch {
  readonly #world: World;
  readonly #lags = new Map<Life, Lag>();
  /** When a socket was last seen to have taken everything: then it is not the peer who keeps others waiting. */
  readonly #emptyAt = new WeakMap<Life, number>();

  constructor(world: World) {
    this.#world = world;
    world.onClosing = connection => {
      try {
        this.#judgeClosing(connection);
      } catch (error) {
        world.found ??= error;
      }
    };
  }

  /** The event loop has nothing left to do at this time. */
  settled(): void {
    for (const topic of this.#world.server.delivery.topics) if (isFlushed(topic)) this.#judgeLog(topic);
    this.#judgeBudgets();
    this.#judgeTurns();
    for (const life of this.#world.lives) if (life.connection.open) this.#judgeLife(life);
  }

  #judgeLog(topic: Topic): void {
    const { name, log, latest } = topic;
    const { history } = this.#world.specOf(name);
    const { maxBytes } = this.#world.settings;
    const entries = this.#world.ledger.log(name, log.epoch);
    const what = (): string =>
      `${name} keeps ${log.first}..${log.head}, of which history from ${log.remembered}`;
    demand(log.head - log.remembered < history.size || log.remembered > log.head, 'memory', what);
    demand(bytesBetween(entries, log.remembered - 1, log.head) <= history.bytes, 'memory', what);
    demand(bytesBetween(entries, log.first - 1, log.remembered - 1) <= maxBytes, 'memory', what);
    demand(
      latest === undefined || latest.bytes <= maxBytes,
      'memory',
      () => `${name} keeps ${latest!.bytes}`,
    );
    const needed = topic.held.size > 0 || topic.behind.size > 0;
    demand(needed || log.first >= log.remembered, 'memory', () => `${what()}, and nobody needs the others`);
  }

  #judgeBudgets(): void {
    const { delivery } = this.#world.server;
    const { budget, historyBudget } = this.#world.settings;
    let histories = 0;
    let backlog = 0;
    for (const topic of delivery.topics) {
      // What is not flushed is neither.
      if (!isFlushed(topic)) continue;
      const { name, log } = topic;
      const entries = this.#world.ledger.log(name, log.epoch);
      histories += bytesBetween(entries, log.remembered - 1, log.head);
      if (topic.held.size === 0) backlog += bytesBetween(entries, log.first - 1, log.remembered - 1);
    }
    demand(
      histories <= historyBudget,
      'memory',
      () => `histories have ${histories} bytes of ${historyBudget}`,
    );
    const pinned = this.#pinned();
    const kept = (): string => `sockets pin ${pinned} and logs keep ${backlog} bytes of ${budget}`;
    demand(pinned + backlog <= budget + UNCOUNTED_BYTES, 'memory', kept);
  }

  /** Nobody waits without need, and no more are served at once than may be. */
  #judgeTurns(): void {
    const { held, waiting } = this.#world.server.delivery.catchUp.turns;
    const { recoveries } = this.#world.settings;
    const isFull = held === recoveries || (waiting === 0 && held < recoveries);
    demand(isFull, 'turns', () => `${held} of ${recoveries} are served, and ${waiting} wait`);
    if (waiting > 0) this.#world.tally.note('waits for its turn');
  }

  /** Bytes of memory that sockets may still read from; what they share counts once. */
  #pinned(): number {
    const ranges = new Map<ArrayBufferLike, [from: number, to: number][]>();
    for (const { socket } of this.#world.lives) {
      for (const { buffer, byteOffset, byteLength } of socket.pinned()) {
        const present = ranges.get(buffer);
        if (present === undefined) ranges.set(buffer, [[byteOffset, byteOffset + byteLength]]);
        else present.push([byteOffset, byteOffset + byteLength]);
      }
    }
    let bytes = 0;
    for (const parts of ranges.values()) {
      let end = 0;
      for (const [from, to] of parts.sort((a, b) => a[0] - b[0])) {
        if (to > end) bytes += to - Math.max(from, end);
        end = Math.max(end, to);
      }
    }
    return bytes;
  }

  #judgeLife(life: Life): void {
    const { gathered } = life.connection.sink;
    life.waits.note(gathered > 0, this.#world.now);
    const isAwaited = life.socket.writableLength > 0 || life.pings.areOpen;
    demand(
      gathered === 0 || isAwaited,
      'reply',
      () => `${gathered} bytes wait for a write that nobody makes`,
    );
    this.#judgeLine(life);
    if (!this.#isStuck(life)) this.#emptyAt.set(life, this.#world.now);
    const lag = this.#lagOf(life);
    if (lag === undefined) return;
    const { settings } = this.#world;
    const still = Math.min(this.#world.now - lag.since, this.#stillOf(life));
    const patient = still <= settings.grace * GRACE_SLACK + this.#world.stalledMs;
    demand(patient, 'slow', () => `a socket has taken nothing for ${still} ms, and is not closed`);
  }

  /** No more is under way than the client reads in time. */
  #judgeLine(life: Life): void {
    // While the socket is not read, nothing tells what the client has read.
    if (life.ws.isPaused || this.#mayExceed(life)) life.steady = undefined;
    if (life.steady === undefined) return;
    const { underWay } = life.socket;
    const most = Math.round(life.steady.most(!life.pings.wereAnswered));
    demand(underWay <= most, 'underway', () => `${underWay} bytes are under way to a client, of ${most}`);
  }

  /** Whether what waits may exceed the limit: then it goes to the kernel, which alone knows whether the peer reads at all. */
  #mayExceed(life: Life): boolean {
    const { ledger, settings } = this.#world;
    const { unreadReplies } = life;
    return unreadReplies > 0 && unreadReplies + ledger.burst(life.began) > settings.maxBytes;
  }

  /** Whether the server waits for its clients to answer its pings. */
  get #isBounded(): boolean {
    const { lag, heartbeat } = this.#world.settings;
    return lag > 0 && heartbeat !== undefined;
  }

  /** Whether the peer seems not to read. Who has never answered a ping may not know any. */
  #isStuck({ socket, pings, connection }: Life): boolean {
    if (socket.writableLength > 0) return true;
    return this.#isBounded ? pings.wereAnswered && pings.areOpen : connection.bufferedBytes > 0;
  }

  /** Milliseconds in which a socket had something to take and took nothing, and its client acknowledged nothing. */
  #stillOf(life: Life): number {
    return this.#world.now - Math.max(this.#tookAt(life), life.pings.answeredAt);
  }

  /** When a socket last took something, or had nothing to take. */
  #tookAt(life: Life): number {
    return Math.max(life.socket.tookAt, this.#emptyAt.get(life) ?? -Infinity);
  }

  /** How long a connection has been behind: on the same subscriptions, or some of them. */
  #lagOf(life: Life): Lag | undefined {
    const behind = new Set<Subscription>();
    for (const one of life.connection.subscriptions.values()) if (one.catchingUp) behind.add(one);
    const before = this.#lags.get(life);
    const goesOn = before !== undefined && [...behind].some(one => before.behind.has(one));
    if (behind.size === 0) this.#lags.delete(life);
    else this.#lags.set(life, { behind, since: goesOn ? before.since : this.#world.now });
    if (behind.size > 0 && !goesOn) this.#world.tally.note('behind');
    return this.#lags.get(life);
  }

  /** The server closes a connection, whose subscriptions still are as they were. */
  #judgeClosing(connection: Connection): void {
    if (connection.closedWith?.code !== CLOSE.SLOW.code) return;
    const life = [...this.#world.lives].find(one => one.connection === connection);
    if (life === undefined) return;
    const reason = this.#reasonFor(life);
    this.#world.tally.note(`closed as slow: ${reason ?? 'without cause'}`);
    const state = (): string =>
      `closed as slow: its socket took something ${this.#world.now - life.socket.tookAt} ms ago, ` +
      `${connection.bufferedBytes} bytes are unsent, behind is ${isBehind(connection)}`;
    demand(reason !== undefined, 'slow', state);
  }

  #reasonFor(life: Life): string | undefined {
    if (this.#isFrozen(life)) return 'frozen';
    if (this.#isMute(life)) return 'acknowledges nothing';
    if (this.#isTooFar(life.connection)) return 'too far behind';
    if (this.#isTooLate(life)) return 'too late';
    if (this.#isWorst(life.connection)) return 'over the budget';
    return this.#hasTooManyReplies(life) ? 'too many replies' : undefined;
  }

  #isFrozen(life: Life): boolean {
    // Where answers bound nothing, only the kernel tells whether the peer reads.
    const still = this.#isBounded ? this.#stillOf(life) : this.#world.now - this.#tookAt(life);
    const { connection } = life;
    // A subscribe waits for the client to read its answers so far, and has nothing to be behind with yet.
    const isAwaited = isBehind(connection) || connection.unread > this.#world.settings.maxBytes;
    return isAwaited && still >= this.#world.settings.grace;
  }

  /** Takes nothing that has waited, and acknowledges nothing. */
  #isMute(life: Life): boolean {
    if (!this.#isBounded || !life.pings.wereAnswered || !isBehind(life.connection)) return false;
    const { socket, pings } = life;
    const since = Math.max(socket.tookWaitingAt, pings.heardAt, this.#emptyAt.get(life) ?? -Infinity);
    return this.#world.now - since >= this.#world.settings.grace;
  }

  /** Too far behind on a topic that says so. */
  #isTooFar({ subscriptions }: Connection): boolean {
    for (const { topic, cursor } of subscriptions.values()) {
      const entries = this.#world.ledger.log(topic.name, topic.log.epoch);
      const behind = bytesBetween(entries, cursor, topic.log.head);
      if (topic.policy.slow === 'disconnect' && behind > this.#world.settings.maxBytes) return true;
    }
    return false;
  }

  /** What comes next would come too late, on a topic that says so. */
  #isTooLate(life: Life): boolean {
    const { now, settings } = this.#world;
    for (const { topic, cursor } of life.connection.subscriptions.values()) {
      const next = this.#world.ledger.log(topic.name, topic.log.epoch)[cursor];
      if (next === undefined || topic.policy.slow !== 'disconnect' || topic.conflates) continue;
      const taken = this.#world.lagOf(life, next.at, now);
      if (taken !== undefined && now - next.at + taken > settings.lag) return true;
    }
    return false;
  }

  /** The budget is exceeded, and nobody costs much more. */
  #isWorst(connection: Connection): boolean {
    const { backlog, topics } = this.#world.server.delivery;
    let kept = this.#pinned();
    for (const { log } of topics) kept += log.bytesAfter(log.first - 1) - log.bytesAfter(log.remembered - 1);
    if (!backlog.exceeded && kept <= this.#world.settings.budget) return false;
    // Logs become shorter as they go, so that the second is not always what it was when the order was made.
    const cost = costOf(connection) * 2;
    return [...this.#world.lives].every(({ connection: other }) => !isBehind(other) || costOf(other) <= cost);
  }

  /** Replies are kept for each connection apart, so they have a limit of their own. */
  #hasTooManyReplies(life: Life): boolean {
    return life.unreadReplies > this.#world.settings.maxBytes;
  }
}

/** Whether everybody who is not behind was given what was published. */
function isFlushed({ log, lane }: Topic): boolean {
  return lane.flushed === log.head && lane.settled === log.head;
}

function isBehind({ subscriptions }: Connection): boolean {
  for (const { catchingUp } of subscriptions.values()) if (catchingUp) return true;
  return false;
}

function costOf({ sink, subscriptions }: Connection): number {
  let bytes = sink.unsent;
  for (const { catchingUp, topic, cursor } of subscriptions.values() as Iterable<Subscription>)
    if (catchingUp) bytes += topic.log.bytesAfter(cursor);
  return bytes;
}
