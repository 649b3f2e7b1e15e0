import type { Logger } from '@nestjs/common';
import { wallTime } from '../connection/wall-time.js';
import { CLOSE } from '../errors/close-codes.js';
import { ErrorSamples } from '../observe/error-samples.js';
import type { Rejections } from '../observe/rejections.js';
import type { ResolvedFanoutOptions } from '../options/fanout-options.js';
import type { TopicRegistry } from '../topic/topic-registry.js';
import type { ClientSession } from './client-session.js';
import { Expiries } from './expiries.js';
import { HandshakeGate } from './handshake-gate.js';
import { Refreshes } from './refreshes.js';
import type { TopicRequests } from './topic-requests.js';
import { TopicReview } from './topic-review.js';

/** What {@link createCredentials} needs of the rest of the server. */
export interface CredentialParts {
  readonly options: ResolvedFanoutOptions;
  readonly topics: TopicRegistry;
  readonly requests: TopicRequests;
  readonly rejections: Rejections;
  readonly logger: Logger;
}

/** Tokens are made by the clock on the wall, which may be set. */
const clock = {
  now: () => Date.now(),
  setInterval: (callback: () => void, ms: number) => setInterval(callback, ms),
  clearInterval: (timer: unknown) => clearInterval(timer as NodeJS.Timeout),
  setImmediate: (callback: () => void) => setImmediate(callback),
  clearImmediate: (handle: unknown) => clearImmediate(handle as NodeJS.Immediate),
};

/** What asks for credentials, lets them end and takes new ones. */
export function createCredentials({ options, topics, requests, rejections, logger }: CredentialParts): {
  readonly gate: HandshakeGate;
  readonly expiries: Expiries<ClientSession>;
  readonly refreshes: Refreshes;
} {
  const gate = new HandshakeGate(clock.now, new ErrorSamples(wallTime, logger));
  const expiries = new Expiries<ClientSession>({
    renewBefore: options.handshake.renewBefore,
    clock,
    announce: ({ connection }, expiresAt) => connection.send('refresh', { expiresAt }),
    expire: ({ connection }) => {
      rejections.count('expired', `client ${connection.handshake.ip}`);
      connection.closeAs(CLOSE.EXPIRED);
    },
  });
  const review = new TopicReview(topics, requests);
  const handshakeMs = options.limits.handshake;
  const refreshes = new Refreshes({ gate, expiries, review, handshakeMs, now: wallTime });
  return { gate, expiries, refreshes };
}
