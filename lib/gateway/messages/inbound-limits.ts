import type { Counters } from '../../observe/counters.js';
import type { Rejections } from '../../observe/rejections.js';
import type { ResolvedFanoutOptions } from '../../options/fanout-options.js';
import type { Clock } from '../../time/clock.js';
import { Bans } from '../../limits/bans.js';
import type { SessionDeps } from '../session/client-session.js';
import type { MessageRouter } from './message-router.js';
import { Offenders } from './offenders.js';
import { FrameReceiver } from './frame-receiver.js';
import { UnfinishedMessages, type Watched } from './unfinished-messages.js';
import { UnreadyBytes } from '../../limits/unready-bytes.js';
import { UsageLimits } from '../../limits/usage-limits.js';

/** Collaborators of {@link InboundLimits}. */
export interface InboundDeps {
  readonly options: ResolvedFanoutOptions;
  readonly counters: Counters;
  readonly rejections: Rejections;
  readonly connections: Watched;
  readonly clock: Clock;
  readonly logger: { warn(line: string): void };
}

/** Creates the parts that limit the messages of clients. */
export class InboundLimits {
  readonly usage: UsageLimits;
  readonly bans: Bans;
  readonly offenders: Offenders;
  readonly unfinished: UnfinishedMessages;
  readonly #counters: Counters;
  readonly #unreadyBytes: number;
  readonly #clock: Clock;

  constructor({ options, counters, rejections, connections, clock, logger }: InboundDeps) {
    const { messageTime, unreadyBytes, banTime } = options.limits;
    this.usage = new UsageLimits(options, clock.wallTime);
    this.bans = new Bans(banTime, clock.now);
    const offenders = (this.offenders = new Offenders(rejections, this.usage, this.bans, clock));
    this.unfinished = new UnfinishedMessages({ messageTime, connections, offenders, clock, logger });
    this.#counters = counters;
    this.#unreadyBytes = unreadyBytes;
    this.#clock = clock;
  }

  /** Creates the parts for the life cycle of connections. */
  partsFor(router: MessageRouter): {
    readonly receiver: FrameReceiver;
    readonly offenders: Offenders;
    readonly sessionHost: SessionDeps;
    readonly unfinished: UnfinishedMessages;
  } {
    const { usage, offenders, unfinished } = this;
    return {
      receiver: new FrameReceiver({ router, usage, offenders, counters: this.#counters, clock: this.#clock }),
      sessionHost: { unready: new UnreadyBytes(this.#unreadyBytes), route: router.route },
      offenders,
      unfinished,
    };
  }
}
