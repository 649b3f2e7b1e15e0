import type { ConnectionUser } from '../../connection/user.js';
import type { Socket } from 'node:net';
import type { Clock } from '../../time/clock.js';
import { inTime } from '../../time/deadline.js';
import { userIdOf } from '../../connection/connection-registry.js';
import { Refusal, type RefusalCode } from '../../errors/refusals.js';
import type { Command } from '../../protocol/protocol.js';
import type { Credentials } from '../handshake/arrival.js';
import type { Answers } from '../session/answers.js';
import { isToken } from '../session/bearer-token.js';
import type { ClientSession } from '../session/client-session.js';
import { CountedRefusal } from '../session/counted-refusal.js';
import type { Expiries } from '../handshake/expiries.js';
import type { HandshakeGate } from '../handshake/handshake-gate.js';
import { renewalRequest } from '../session/handshake-request.js';
import type { TopicReview } from '../subscribe/topic-review.js';
import { UpgradeRefusal } from '../handshake/upgrade-refusal.js';
import type { UsageLimits } from '../../limits/usage-limits.js';

/** The collaborators of {@link Refreshes}. */
export interface RefreshDeps {
  readonly gate: HandshakeGate;
  readonly expiries: Expiries<ClientSession>;
  readonly review: TopicReview;
  /** Milliseconds for the guards to decide. */
  readonly handshakeMs: number;
  readonly usage: UsageLimits;
  readonly clock: Clock;
  readonly answers: Answers;
}

/**
 * Renews the credentials of connected clients: asks the handshake guards again, and then reviews the client's topics.
 */
export class Refreshes {
  readonly #deps: RefreshDeps;
  /**
   * The latest refresh of each client, while it runs. The next refresh waits for it, so that the later credentials
   * count.
   */
  readonly #last = new Map<ClientSession, Promise<void>>();

  constructor(deps: RefreshDeps) {
    this.#deps = deps;
  }

  /** Handles a `refresh` message. Resolves when it is answered; never rejects. */
  refresh(session: ClientSession, command: Command): void | Promise<void> {
    const { answers, usage } = this.#deps;
    const { token } = (command.data ?? {}) as { token?: unknown };
    if (!isToken(token)) return answers.fail(session, command.id, new Refusal('BAD_TOKEN'));
    if (!usage.mayRefresh(session))
      return answers.fail(session, command.id, new CountedRefusal('RATE_LIMITED', 'refresh-rate'));
    const refreshed = this.#after(this.#last.get(session), session, command, token);
    this.#last.set(session, refreshed);
    return refreshed.finally(() => {
      if (this.#last.get(session) === refreshed) this.#last.delete(session);
    });
  }

  async #after(
    last: Promise<void> | undefined,
    session: ClientSession,
    { id }: Command,
    token: string,
  ): Promise<void> {
    await last;
    const { connection } = session;
    const { answers } = this.#deps;
    try {
      const credentials = await this.#ask(session, token);
      if (!connection.open) return;
      this.#take(session, credentials);
      await this.#deps.review.run(session);
      answers.refreshed(session, id, credentials.expiresAt);
    } catch (error) {
      answers.fail(session, id, error);
    }
  }

  /** Asks the guards about a token. @throws Refusal when the guards refuse, or take too long */
  async #ask({ connection, endpoint }: ClientSession, token: string): Promise<Credentials> {
    const { gate, handshakeMs, clock } = this.#deps;
    const request = renewalRequest(connection.output as Socket, connection.handshake, token);
    try {
      return await inTime(clock, handshakeMs, gate.ask(endpoint, request), refuseLate);
    } catch (error) {
      throw error instanceof UpgradeRefusal ? refusalFor(error.status) : error;
    }
  }

  /**
   * Stores the new credentials.
   * @throws Refusal FORBIDDEN for credentials of another user, because a connection keeps its user
   */
  #take(session: ClientSession, { user, expiresAt }: Credentials): void {
    const { connection } = session;
    if (userIdOf(user) !== userIdOf(connection.user)) throw refusalFor(403);
    connection.user = user as ConnectionUser;
    session.renewals++;
    this.#deps.expiries.renew(session, expiresAt);
  }
}

function refuseLate(): never {
  throw new Refusal('BUSY');
}

/**
 * Translates an HTTP status to the refusal in a frame. A refused token counts against the client, so that tokens cannot
 * be guessed.
 */
function refusalFor(status: number): Refusal {
  if (status === 500) return new Refusal('INTERNAL');
  if (status > 500) return new Refusal('BUSY');
  return new CountedRefusal(codeOf(status), 'denied');
}

function codeOf(status: number): RefusalCode {
  if (status === 429) return 'RATE_LIMITED';
  return status === 401 ? 'UNAUTHORIZED' : 'FORBIDDEN';
}
