import { Arrivals } from '../bus/arrivals.js';
import { LocalPath } from '../bus/local-path.js';
import type { PublicationPath } from '../bus/publication-path.js';
import type { ConnectionRegistry } from '../connection/connection-registry.js';
import { TurnWrites } from '../connection/turn-writes.js';
import type { BufferPool } from '../memory/buffer-pool.js';
import { ByteLedger } from '../memory/byte-ledger.js';
import type { Counters } from '../observe/counters.js';
import type { Subscription } from '../topic/subscription.js';
import type { Topic } from '../topic/topic.js';
import type { TopicPolicies } from '../topic/topic-policy.js';
import { TopicRegistry } from '../topic/topic-registry.js';
import { type BatchSink, UnsentBatches } from '../wire/batch.js';
import { JoinedBatches } from '../wire/joined-batches.js';
import type { DeflateSettings } from '../wire/deflate-once.js';
import { CatchUp } from './catch-up.js';
import { BatchEncoder } from './topic-batches.js';
import { FlushScheduler, type FlushTiming, LanePacer } from './flush-scheduler.js';
import { Laggards } from './laggards.js';
import { LogSegments } from './log-segments.js';
import { Crowds, Presence } from './presence.js';
import { type PublicationCheck, TopicBroadcaster, UnheardCheck } from './topic-broadcaster.js';
import type { Clock } from '../time/clock.js';
import { FlushWalk, TopicWalk } from './flush-walk.js';

/** Options for delivery; see `FanoutOptions` for their meaning. */
export interface DeliverySettings {
  readonly flush: FlushTiming;
  readonly slowConsumer: {
    readonly maxBytes: number;
    readonly grace: number;
    readonly lag: number;
    readonly budget: number;
  };
  readonly history: { readonly budget: number; readonly recoveries: number };
  readonly limits: { readonly publication: number };
  readonly compression: DeflateSettings | false;
  readonly publishing: { readonly check: PublicationCheck };
}

/** Collaborators of {@link Delivery}. */
export interface DeliveryDeps {
  readonly settings: DeliverySettings;
  readonly clock: Clock;
  readonly pool: BufferPool;
  readonly counters: Counters;
  readonly policies: TopicPolicies;
  readonly connections: ConnectionRegistry;
  /** Makes the path of publications. Without it publications stay in this process. */
  readonly pathOf?: (local: LocalPath, arrivals: Arrivals) => PublicationPath;
  readonly logger: { error(error: unknown, what: string): void };
}

/** Topics and everything between `publish()` and the connections. */
export class Delivery {
  readonly topics: TopicRegistry;
  readonly scheduler: FlushScheduler;
  readonly encoder: BatchEncoder;
  readonly catchUp: CatchUp;
  readonly broadcaster: TopicBroadcaster;
  /** Ledger of bytes kept only for subscriptions that are behind. */
  readonly backlog: ByteLedger;
  /** Ledger of the bytes of all histories. */
  readonly history: ByteLedger;
  readonly laggards: Laggards;
  readonly segments: LogSegments;
  readonly presence: Presence;
  /** Accepts publications that already have a position. */
  readonly arrivals: Arrivals;
  /** Writes of answers and other frames, at the end of the loop turn. */
  readonly turnWrites: TurnWrites;
  readonly #pacer: LanePacer;
  readonly #path: PublicationPath;
  /** Walk for topics that are delivered outside of a flush. */
  readonly #walk: TopicWalk;

  // oxlint-disable-next-line max-lines-per-function -- a list of parts, each made once, in the order of their needs
  constructor({ settings, clock, pool, counters, policies, connections, pathOf, logger }: DeliveryDeps) {
    const { flush, slowConsumer, history, limits, compression, publishing } = settings;
    const { maxBytes, lag, grace, budget } = slowConsumer;
    const maxPayload = limits.publication;
    const unsent = new UnsentBatches();
    const crowds = new Crowds();
    const backlog = (this.backlog = new ByteLedger(budget));
    this.history = new ByteLedger(history.budget);
    const memory = { backlogLimit: maxBytes, history: this.history, backlog };
    const laggards = (this.laggards = new Laggards(clock, grace, backlog, () => sinksOf(connections)));
    const topics = (this.topics = new TopicRegistry(policies, clock, memory));
    const segments = (this.segments = new LogSegments(unsent, counters, clock));
    const catchUp = (this.catchUp = new CatchUp({
      segments,
      laggards,
      clock,
      counters,
      slice: flush.slice,
      lag,
      maxBytes,
      recoveries: history.recoveries,
    }));
    this.encoder = new BatchEncoder(pool, unsent, counters, clock.now, compression || undefined);
    this.#walk = new TopicWalk(this.encoder.encode, clock.now, catchUp);
    const topicWalk = new TopicWalk(this.encoder.encodeInFlush, clock.now, catchUp);
    const joined = new JoinedBatches(pool, unsent);
    this.turnWrites = new TurnWrites(clock, new JoinedBatches(pool, unsent));
    const walk = new FlushWalk(topicWalk, joined, this.encoder, clock.now);
    const scheduler = (this.scheduler = new FlushScheduler(walk, flush, clock, counters));
    const pacer = (this.#pacer = new LanePacer(scheduler, clock));
    const local = new LocalPath(pacer);
    this.arrivals = new Arrivals(topics, pacer);
    const path = (this.#path = pathOf?.(local, this.arrivals) ?? local);
    const unheard = new UnheardCheck(topics, maxPayload, publishing.check);
    const broadcaster = (this.broadcaster = new TopicBroadcaster({
      topics,
      scheduler,
      path,
      pacer,
      catchUp,
      unsent,
      connections,
      clock,
      crowds,
      counters,
      maxPayload,
      unheard,
    }));
    this.presence = new Presence({
      publish: (topic, data) => broadcaster.publish(topic, data),
      crowds,
      maxPayload,
      clock,
      logger,
    });
    this.#listen();
  }

  /** Connects the parts to the events of topics. Catching up ends before presence learns of the end of a subscription. */
  #listen(): void {
    const { topics, catchUp, presence } = this;
    const [pacer, path] = [this.#pacer, this.#path];
    topics.listen({ vacated: topic => pacer.forget(topic) });
    topics.listen({ opened: topic => path.opened(topic), vacated: topic => path.vacated(topic) });
    topics.listen({
      missing: (topic, to) => {
        this.#deliver(topic);
        catchUp.missing(topic, to);
      },
      left: subscription => catchUp.forget(subscription),
    });
    topics.listen({
      joined: subscription => presence.joined(subscription),
      left: subscription => presence.left(subscription),
    });
  }

  /** Delivers pending publications to an answered subscription that ends, or tells it which ones it will not get. */
  finish(subscription: Subscription): void {
    if (!subscription.live || !this.encoder.finish(subscription)) this.catchUp.giveUp(subscription);
  }

  /** Delivers at once what the next flush would deliver. */
  #deliver(topic: Topic): void {
    for (const lane of topic.lanes) {
      if (lane.settled >= topic.log.head) continue;
      this.#walk.begin(lane, this.scheduler.clock.now());
      this.#walk.step(Infinity, undefined);
    }
  }

  /** Ends every timer. Pending publications are not delivered. */
  stop(): void {
    this.presence.stop();
    this.scheduler.stop();
    this.#pacer.stop();
    this.catchUp.stop();
    this.laggards.stop();
    this.segments.stop();
    this.topics.stop();
  }
}

function* sinksOf(connections: ConnectionRegistry): Generator<BatchSink, void> {
  for (const { sink } of connections) yield sink;
}
