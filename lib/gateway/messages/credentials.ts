import { CLOSE } from '../../errors/close-codes.js';
import type { ErrorLog } from '../../observe/sampled-errors.js';
import type { Rejections } from '../../observe/rejections.js';
import type { Clock } from '../../time/clock.js';
import type { ResolvedFanoutOptions } from '../../options/fanout-options.js';
import type { TopicRegistry } from '../../topic/topic-registry.js';
import type { Answers } from '../session/answers.js';
import type { ClientSession } from '../session/client-session.js';
import { Expiries } from '../handshake/expiries.js';
import { HandshakeGate } from '../handshake/handshake-gate.js';
import { Refreshes } from './refreshes.js';
import type { TopicRequests } from '../subscribe/topic-requests.js';
import { TopicReview } from '../subscribe/topic-review.js';
import type { UsageLimits } from '../../limits/usage-limits.js';

/** Collaborators of {@link createCredentials}. */
export interface CredentialDeps {
  readonly options: ResolvedFanoutOptions;
  readonly topics: TopicRegistry;
  readonly requests: TopicRequests;
  readonly rejections: Rejections;
  readonly usage: UsageLimits;
  readonly clock: Clock;
  readonly errors: ErrorLog;
  readonly answers: Answers;
}

/** Creates the parts that ask for credentials, end them and renew them. */
export function createCredentials({
  options,
  topics,
  requests,
  rejections,
  usage,
  clock,
  errors,
  answers,
}: CredentialDeps): {
  readonly gate: HandshakeGate;
  readonly expiries: Expiries<ClientSession>;
  readonly refreshes: Refreshes;
} {
  const gate = new HandshakeGate(clock.systemTime, errors);
  const expiries = new Expiries<ClientSession>({
    renewBefore: options.handshake.renewBefore,
    clock,
    announce: answers.renew.bind(answers),
    expire: ({ connection }) => {
      rejections.count('expired', connection.handshake.ip);
      connection.closeWith(CLOSE.EXPIRED);
    },
  });
  const review = new TopicReview(topics, requests, answers);
  const handshakeMs = options.limits.handshake;
  const refreshes = new Refreshes({ gate, expiries, review, handshakeMs, usage, clock, answers });
  return { gate, expiries, refreshes };
}
