import { Arrivals } from '../bus/arrivals.js';
import { LocalPath } from '../bus/local-path.js';
import type { PublicationPath } from '../bus/publication-path.js';
import type { ConnectionRegistry } from '../connection/connection-registry.js';
import type { BufferPool } from '../memory/buffer-pool.js';
import { ByteLedger } from '../memory/byte-ledger.js';
import type { Counters } from '../observe/counters.js';
import type { Subscription } from '../topic/subscription.js';
import type { Topic } from '../topic/topic.js';
import type { TopicPolicies } from '../topic/topic-policy.js';
import { type TopicListeners, TopicRegistry } from '../topic/topic-registry.js';
import type { BatchSink } from '../wire/batch.js';
import type { DeflateSettings } from '../wire/deflate-once.js';
import { CatchUp, type Resync } from './catch-up.js';
import { FanOut } from './fan-out.js';
import { FlushScheduler, type FlushTiming } from './flush-scheduler.js';
import { Laggards } from './laggards.js';
import { LanePacer } from './lane-pacer.js';
import { LogSegments } from './log-segments.js';
import { Presence } from './presence.js';
import { type PublicationCheck, UnheardCheck } from './publication-check.js';
import type { Clock } from '../time/clock.js';
import { TopicBroadcaster } from './topic-broadcaster.js';
import { TopicWalk } from './topic-walk.js';
import { UnsentBatches } from './unsent-batches.js';

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
  readonly listeners: Pick<TopicListeners, 'vacated' | 'joined' | 'left'>;
  /** Makes the path of publications. Without it publications stay in this process. */
  readonly pathOf?: (local: LocalPath, arrivals: Arrivals) => PublicationPath;
  readonly resync: Resync;
  readonly logger: { error(error: unknown, what: string): void };
}

/** Topics and everything between `publish()` and the connections. */
export class Delivery {
  readonly topics: TopicRegistry;
  readonly scheduler: FlushScheduler;
  readonly fanOut: FanOut;
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
  readonly #pacer: LanePacer;
  readonly #path: PublicationPath;
  /** Walk for topics that are delivered outside of a flush. */
  readonly #walk: TopicWalk;

  constructor(deps: DeliveryDeps) {
    const { settings, clock, pool, counters, policies, connections, listeners, resync, pathOf, logger } =
      deps;
    const { flush, slowConsumer, history, limits, compression, publishing } = settings;
    const { maxBytes, lag } = slowConsumer;
    const unsent = new UnsentBatches();
    this.backlog = new ByteLedger(slowConsumer.budget, () => this.laggards.relieve());
    this.history = new ByteLedger(history.budget);
    this.laggards = new Laggards(clock, slowConsumer.grace, this.backlog, () => sinksOf(connections));
    const memory = { backlogLimit: maxBytes, history: this.history, backlog: this.backlog };
    this.presence = new Presence({
      publish: (topic, data) => this.broadcaster.publish(topic, data),
      maxPayload: limits.publication,
      clock,
      logger,
    });
    const { presence } = this;
    this.topics = new TopicRegistry(policies, clock, memory, {
      opened: topic => this.#path.opened(topic),
      vacated: topic => {
        this.#pacer.forget(topic);
        this.#path.vacated(topic);
        listeners.vacated(topic);
      },
      missing: (topic, to) => {
        this.#handOut(topic);
        this.catchUp.missing(topic, to);
      },
      joined: subscription => {
        presence.joined(subscription);
        listeners.joined(subscription);
      },
      left: (subscription, reason) => {
        this.catchUp.forget(subscription);
        presence.left(subscription);
        listeners.left(subscription, reason);
      },
    });
    this.segments = new LogSegments(unsent, counters, clock);
    const { laggards, segments } = this;
    const { slice } = flush;
    const { recoveries } = history;
    this.catchUp = new CatchUp({
      segments,
      laggards,
      clock,
      counters,
      slice,
      lag,
      maxBytes,
      recoveries,
      resync,
    });
    this.fanOut = new FanOut(pool, unsent, counters, clock.now, compression || undefined);
    const walk = new TopicWalk(this.fanOut.encode, clock.now, this.catchUp);
    this.scheduler = new FlushScheduler(walk, flush, clock, counters);
    this.#walk = new TopicWalk(this.fanOut.encode, clock.now, this.catchUp);
    this.#pacer = new LanePacer(this.scheduler, clock);
    const { topics, scheduler, catchUp } = this;
    const local = new LocalPath(this.#pacer);
    this.arrivals = new Arrivals(topics, this.#pacer);
    this.#path = pathOf?.(local, this.arrivals) ?? local;
    this.broadcaster = new TopicBroadcaster({
      topics,
      scheduler,
      path: this.#path,
      pacer: this.#pacer,
      catchUp,
      unsent,
      connections,
      clock,
      presence,
      counters,
      maxPayload: limits.publication,
      unheard: new UnheardCheck(topics, limits.publication, publishing.check),
    });
  }

  /** Delivers pending publications to an answered subscription that ends, or tells it which ones it will not get. */
  finish(subscription: Subscription): void {
    if (!subscription.live || !this.fanOut.finish(subscription)) this.catchUp.giveUp(subscription);
  }

  /** Delivers at once what the next flush would deliver. */
  #handOut(topic: Topic): void {
    for (const lane of topic.lanes) {
      if (lane.settled >= topic.log.head) continue;
      this.#walk.begin(lane);
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
