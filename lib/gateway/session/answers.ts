import { Refusal } from '../../errors/refusals.js';
import type { RejectionCause } from '../../observe/rejections.js';
import type { ErrorLog } from '../../observe/sampled-errors.js';
import type { MessageId } from '../../protocol/frames.js';
import type { EndReason, Outgoing, Request } from '../../protocol/protocol.js';
import { reachOf } from '../../topic/topic.js';
import type { Subscription } from '../../topic/subscription.js';
import type { GapReason } from '../../wire/log-entry.js';
import type { ClientConnection, ClientSession } from './client-session.js';
import { errorAnswer, isAnswer } from './error-answer.js';
import { readableError } from './exception-meaning.js';
import { causeOf } from './refusal-causes.js';

/** Fields of the answer to a subscribe that the client asked for. */
export interface Granted {
  readonly id?: MessageId | undefined;
  /** True if nothing was lost since the position; undefined if the client gave no position. */
  readonly recovered?: boolean | undefined;
  /** Flushes a second; undefined if the client asked for no rate. */
  readonly maxRate?: number | undefined;
}

/** New snapshot in place of lost publications. */
export interface Renewed {
  readonly reason: GapReason;
  readonly snapshot: unknown;
}

/** The collaborators of {@link Answers}. */
export interface AnswersDeps {
  /** Log for errors that answer no request. */
  readonly errors: ErrorLog;
  /** Counter of refusals of clients. */
  readonly offenders: { refused(session: ClientSession, cause: RejectionCause): void };
}

/**
 * Sends everything except publications, in the protocol of each connection. One object serves all connections. A large
 * answer to a request never closes its connection, but an unasked message may when too much is unread.
 */
export class Answers {
  readonly #errors: ErrorLog;
  readonly #offenders: AnswersDeps['offenders'];

  constructor({ errors, offenders }: AnswersDeps) {
    this.#errors = errors;
    this.#offenders = offenders;
  }

  /**
   * Answers a subscribe. Announces a loss first, if the client does not know of one. The snapshot in the answer
   * replaces the lost publications.
   * @throws FanoutError FANOUT_SNAPSHOT
   */
  subscribed(
    connection: ClientConnection,
    subscription: Subscription,
    { id, recovered, maxRate }: Granted,
    snapshot: unknown,
  ): void {
    const { topic, cursor, lostFrom } = subscription;
    const answer = { id, topic, offset: cursor, recovered, maxRate, snapshot };
    const message = connection.protocol.subscribed(answer);
    if (lostFrom > 0) {
      subscription.lossTold();
      this.#tell(
        connection,
        counted(connection, connection.protocol.gap(topic, { from: lostFrom, to: cursor, reason: 'slow' })),
      );
    }
    connection.answer(message);
  }

  /**
   * Announces the end of a subscription, or that there is none.
   * @param id id of the client's message, if the client asked for the end
   */
  unsubscribed(connection: ClientConnection, topic: string, reason: EndReason, id?: MessageId): void {
    this.#tell(connection, connection.protocol.unsubscribed(topic, id, reason));
  }

  /**
   * Skips publications that the log has dropped, and announces the gap, because the snapshot is older than the next
   * publication.
   */
  skipped(connection: ClientConnection, subscription: Subscription): void {
    const { topic, cursor } = subscription;
    const to = reachOf(topic);
    if (cursor >= to) return;
    subscription.advance(to);
    this.#tell(
      connection,
      counted(connection, connection.protocol.gap(topic, { from: cursor + 1, to, reason: 'slow' })),
    );
  }

  /**
   * Announces a loss, with a new snapshot in place of the lost publications.
   * @throws FanoutError FANOUT_SNAPSHOT
   */
  renewed(connection: ClientConnection, subscription: Subscription, { reason, snapshot }: Renewed): void {
    const { topic, lostFrom, cursor } = subscription;
    const gap = { from: lostFrom, to: cursor, reason };
    this.#answer(connection, counted(connection, connection.protocol.gap(topic, gap, snapshot), reason));
    subscription.lossTold();
  }

  /** Answers with a value after it has waited for its turn. @throws FanoutError FANOUT_REPLY */
  reply({ connection }: ClientSession, request: Request, value: unknown): void {
    const message = connection.protocol.reply(request, value);
    if (message !== undefined) connection.answer(message);
  }

  /**
   * Answers with a value of a stream that cannot be paused, within the limit on unread answers.
   * @throws FanoutError FANOUT_REPLY
   */
  push({ connection }: ClientSession, request: Request, value: unknown): void {
    const message = connection.protocol.reply(request, value);
    // A stream may have any number of values. While others are unread, a value is limited like a frame sent unasked.
    if (connection.full) this.#tell(connection, message);
    else this.#answer(connection, message);
  }

  /** Replies, or answers with an error if the value cannot be sent. */
  acknowledge(session: ClientSession, request: Request, value: unknown): void {
    try {
      this.push(session, request, value);
    } catch (error) {
      this.fail(session, request.id, error);
    }
  }

  /** Announces the end of a request's stream. */
  complete({ connection }: ClientSession, request: Request): void {
    this.#tell(connection, connection.protocol.complete(request));
  }

  pong({ connection }: ClientSession, request: Request): void {
    this.#tell(connection, connection.protocol.pong(request));
  }

  /** Asks for new credentials. @param expiresAt end of the present ones, in milliseconds since 1970 */
  renew({ connection }: ClientSession, expiresAt: number): void {
    this.#tell(connection, connection.protocol.renew(expiresAt));
  }

  /** Answers new credentials. @param expiresAt milliseconds since 1970; undefined for credentials that do not end */
  refreshed({ connection }: ClientSession, id: MessageId | undefined, expiresAt: number | undefined): void {
    this.#tell(connection, connection.protocol.refreshed(id, expiresAt));
  }

  /** Tells a client about a failure that none of its messages has caused. */
  notify(connection: ClientConnection, refusal: Refusal): void {
    this.#tell(connection, connection.protocol.error(undefined, errorAnswer(refusal)));
  }

  /** Answers a failed request, counts a refusal, and logs an unexpected error. */
  fail(session: ClientSession, id: MessageId | undefined, thrown: unknown, topic?: string): void {
    const error = readableError(thrown);
    if (!isAnswer(error)) this.#errors.error(error);
    const { connection } = session;
    if (!connection.open) return;
    const message = this.#errorOf(connection, id, error, topic);
    // A refusal by the library does not count as a requested answer, so it never waits for the client to read.
    if (error instanceof Refusal) this.#tell(connection, message);
    else this.#answer(connection, message);
    const cause = causeOf(error);
    if (cause !== undefined) this.#offenders.refused(session, cause);
  }

  /** Logs an error thrown while a stream of replies was ended. */
  teardownFailed(error: unknown): void {
    this.#errors.error(error, 'a reply stream failed in its teardown');
  }

  #errorOf(
    { protocol }: ClientConnection,
    id: MessageId | undefined,
    error: unknown,
    topic: string | undefined,
  ): Outgoing | undefined {
    if (error instanceof Refusal && id === undefined && (error.topic ?? topic) === undefined)
      return protocol.refusal(error.code);
    const answer = errorAnswer(error);
    const failure = answer.details?.failure;
    if (failure !== undefined)
      this.#errors.error(failure, `the details of an exception (${answer.code}) cannot be sent as JSON`);
    return protocol.error(id, { ...answer, topic: answer.topic ?? topic });
  }

  #answer(connection: ClientConnection, message: Outgoing | undefined): void {
    if (message !== undefined) connection.answer(message);
  }

  #tell(connection: ClientConnection, message: Outgoing | undefined): void {
    if (message !== undefined) connection.tell(message);
  }
}

/** Counts the message of a gap. */
function counted(
  connection: ClientConnection,
  message: Outgoing | undefined,
  reason: GapReason = 'slow',
): Outgoing | undefined {
  if (message !== undefined) connection.counters.gaps[reason]++;
  return message;
}
