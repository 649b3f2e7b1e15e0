import { isObservable } from 'rxjs';
import { shown } from '../../errors/fanout-error.js';
import { Moment } from '../../time/moment.js';
import { Refusal } from '../../errors/refusals.js';
import type { UsageLimits } from '../../limits/usage-limits.js';
import type { ErrorLog } from '../../observe/sampled-errors.js';
import { jsonParser } from '../../protocol/json-messages.js';
import type { Command, Incoming, MessageParser } from '../../protocol/protocol.js';
import type { ClientSession } from '../session/client-session.js';
import type { ClientEndpoint, Route } from '../session/client-endpoint.js';
import type { Answers } from '../session/answers.js';
import { CountedRefusal } from '../session/counted-refusal.js';
import { cancelStreams, MessageCall } from '../session/message-call.js';
import { reportingParser } from '../session/reporting-parser.js';
import type { Refreshes } from './refreshes.js';
import type { SubscribeRouter } from '../subscribe/subscribe-router.js';
import type { Clock } from '../../time/clock.js';
import { isThenable } from '../nest/wrapped-method.js';

/** The collaborators of {@link MessageRouter}. */
export interface RouterDeps {
  readonly subscribes: SubscribeRouter;
  readonly refreshes: Refreshes;
  readonly answers: Answers;
  readonly usage: UsageLimits;
  readonly clock: Clock;
  /** Most streams that may answer one connection at the same time. */
  readonly streams: number;
  /** Log for errors that answer no request. */
  readonly errors: ErrorLog;
  /** Writes a line to the log of the application. */
  warn(line: string): void;
}

/** Routes each message of a client to its handler, and sends the answer. Its methods never throw. */
export class MessageRouter {
  #parser: MessageParser = jsonParser;
  readonly #subscribes: SubscribeRouter;
  readonly #refreshes: Refreshes;
  readonly #answers: Answers;
  readonly #usage: UsageLimits;
  readonly #clock: Clock;
  readonly #errors: ErrorLog;
  readonly #streams: number;
  readonly #warn: (line: string) => void;
  /** Endpoints whose first unknown event is already logged. */
  readonly #named = new WeakSet<ClientEndpoint>();
  #active = 0;
  readonly #idle = new Moment();

  constructor({ subscribes, refreshes, answers, usage, clock, streams, errors, warn }: RouterDeps) {
    this.#subscribes = subscribes;
    this.#refreshes = refreshes;
    this.#answers = answers;
    this.#usage = usage;
    this.#clock = clock;
    this.#streams = streams;
    this.#warn = warn;
    this.#errors = errors;
  }

  /** Replaces the parser of incoming frames. Errors of a parser of the application are logged. */
  parseWith(parser: MessageParser): void {
    this.#parser = reportingParser(parser, this.#errors);
  }

  /** Number of messages whose handler is running. */
  get active(): number {
    return this.#active;
  }

  /** Resolves when no handler is running, at once if none is now. The next message may be on its way to a handler by then. */
  idle(): Promise<void> {
    return this.#active === 0 ? Promise.resolve() : this.#idle.next();
  }

  /** Routes a message. Resolves when the next message of the connection may be handled. */
  readonly route = (session: ClientSession, frame: Incoming): void | Promise<void> => {
    let decoded: Command | readonly Command[] | undefined;
    try {
      decoded = session.connection.protocol.decode(frame, this.#parser);
    } catch (error) {
      return this.#answers.fail(session, undefined, error);
    }
    if (decoded === undefined) return undefined;
    return 'kind' in decoded ? this.#obey(session, decoded) : this.#obeyEach(session, decoded);
  };

  /** Refuses a message without reading it. */
  refuse(session: ClientSession, refusal: Refusal): void {
    this.#answers.fail(session, undefined, refusal);
  }

  #obey(session: ClientSession, command: Command): void | Promise<void> {
    const { event } = command;
    const route = event === undefined ? undefined : session.endpoint.events.get(event);
    if (route !== undefined) return this.#handle(session, command, route);
    try {
      return this.#serve(session, command);
    } catch (error) {
      return this.#answers.fail(session, command.id, error);
    }
  }

  /**
   * Carries out the commands of one frame in order, each after the answer to the previous one. Each counts as a
   * message.
   */
  async #obeyEach(session: ClientSession, commands: readonly Command[]): Promise<void> {
    const { connection } = session;
    for (const command of commands) {
      if (connection.full) await connection.whenRead(() => {});
      if (!connection.open) return;
      // The frame was counted as the first command.
      const cause =
        command === commands[0] ? undefined : this.#usage.exceededLimit(session, 0, this.#clock.wallTime());
      if (cause === undefined) await this.#obey(session, command);
      else this.#answers.fail(session, command.id, new CountedRefusal('RATE_LIMITED', cause));
    }
  }

  #serve(session: ClientSession, command: Command): void | Promise<void> {
    switch (command.kind) {
      case 'ping':
        return this.#answers.pong(session, command);
      case 'cancel':
        if (command.id === undefined) throw new Refusal('BAD_MESSAGE');
        return cancelStreams(session, command.id);
      case 'subscribe':
        return this.#counted(this.#subscribes.subscribe(session, command));
      case 'unsubscribe':
        return this.#subscribes.unsubscribe(session, command);
      case 'refresh':
        // Without handshake guards there are no credentials, so `refresh` is an unknown event.
        if (session.endpoint.handshakeGuards.length === 0) break;
        return this.#counted(this.#refreshes.refresh(session, command));
      case 'call':
    }
    this.#nameUnknown(session.endpoint, command.event ?? command.kind);
    throw new Refusal('UNKNOWN_EVENT');
  }

  /** Logs the first unknown event of each path, a mistake of a client or a missing handler. */
  #nameUnknown(endpoint: ClientEndpoint, event: string): void {
    if (this.#named.has(endpoint)) return;
    this.#named.add(endpoint);
    this.#warn(
      `A client sent the event ${shown(event)}, which no handler on path "${endpoint.path ?? '*'}" takes. It is answered ` +
        `with UNKNOWN_EVENT, and further ones are not logged. Of two @SubscribeMessage() on one method only the outer ` +
        `one counts.`,
    );
  }

  #counted(answered: void | Promise<void>): void | Promise<void> {
    if (answered === undefined) return undefined;
    this.#active++;
    return answered.finally(this.#ended);
  }

  /** Calls the handler of a message. A result without a promise is sent at once, and the next message need not wait. */
  #handle(session: ClientSession, command: Command, route: Route): void | Promise<void> {
    const call = new MessageCall(this.#answers, session, command);
    try {
      const result = route.handle(session.connection.socket, command.data, call, route.pattern);
      if (call.streaming || isThenable(result)) return this.#settle(session, command, call, result);
      this.#answers.reply(session, command, result);
    } catch (error) {
      this.#answers.fail(session, command.id, error);
    }
  }

  async #settle(
    session: ClientSession,
    command: Command,
    call: MessageCall,
    promised: unknown,
  ): Promise<void> {
    this.#active++;
    call.begin();
    try {
      // The first values of a stream come before frames that its handler sends in process.nextTick().
      const result = isThenable(promised) ? await promised : promised;
      if (isObservable(result)) await call.replyEach(result, this.#streams);
      else this.#answers.reply(session, command, result);
    } catch (error) {
      this.#answers.fail(session, command.id, error);
    } finally {
      this.#ended();
      call.settled();
    }
  }

  readonly #ended = (): void => {
    if (--this.#active === 0) this.#idle.come();
  };
}
