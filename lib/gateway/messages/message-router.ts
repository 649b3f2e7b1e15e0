import { isObservable } from 'rxjs';
import { shown } from '../../errors/fanout-error.js';
import { Moment } from '../../time/moment.js';
import { Refusal } from '../../errors/refusals.js';
import { outgoingJson } from '../../json/outgoing.js';
import type { ErrorLog } from '../../observe/sampled-errors.js';
import type { ClientSession } from '../session/client-session.js';
import type { ClientEndpoint, Route } from '../session/client-endpoint.js';
import { errorAnswer, errorFrame, isAnswer, unreadFrame } from '../session/error-frame.js';
import { readableError } from '../session/exception-meaning.js';
import type { Incoming } from '../session/inbound.js';
import { type Answers, cancelStreams, MessageCall } from '../session/message-call.js';
import {
  jsonParser,
  type Message,
  type MessageId,
  type MessageParser,
  readMessage,
  reportingParser,
  TEXT_PING,
} from '../session/message.js';
import type { Offenders } from './offenders.js';
import type { Refreshes } from './refreshes.js';
import { causeOf } from '../session/refusal-causes.js';
import type { Fail, SubscribeRouter } from '../subscribe/subscribe-router.js';
import { isThenable } from '../nest/wrapped-method.js';

/** The collaborators of {@link MessageRouter}. */
export interface RouterDeps {
  readonly subscribes: SubscribeRouter;
  readonly refreshes: Refreshes;
  readonly offenders: Offenders;
  /** Most streams that may answer one connection at the same time. */
  readonly streams: number;
  /** Log for errors that answer no request. */
  readonly errors: ErrorLog;
  /** Writes a line to the log of the application. */
  warn(line: string): void;
}

/** Routes each message of a client to its handler, and sends the answer. Its methods never throw. */
export class MessageRouter implements Answers {
  #parser: MessageParser = jsonParser;
  readonly #subscribes: SubscribeRouter;
  readonly #refreshes: Refreshes;
  readonly #offenders: Offenders;
  readonly #errors: ErrorLog;
  readonly #streams: number;
  readonly #warn: (line: string) => void;
  /** Endpoints whose first unknown event is already logged. */
  readonly #named = new WeakSet<ClientEndpoint>();
  #active = 0;
  readonly #idle = new Moment();

  constructor({ subscribes, refreshes, offenders, streams, errors, warn }: RouterDeps) {
    this.#subscribes = subscribes;
    this.#refreshes = refreshes;
    this.#offenders = offenders;
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
    let message: Message | undefined;
    try {
      message = readMessage(this.#parser, frame);
    } catch (error) {
      return this.fail(session, undefined, error);
    }
    if (message === undefined) return undefined;
    if (message === TEXT_PING) return this.#send(session, 'pong');
    const route = session.endpoint.events.get(message.event);
    if (route !== undefined) return this.#handle(session, message, route);
    try {
      return this.#protocol(session, message);
    } catch (error) {
      return this.fail(session, message.id, error);
    }
  };

  /** Refuses a message without reading it. */
  refuse(session: ClientSession, refusal: Refusal): void {
    this.fail(session, undefined, refusal);
  }

  #protocol(session: ClientSession, message: Message): void | Promise<void> {
    switch (message.event) {
      case 'ping':
        this.#send(session, JSON.stringify({ event: 'pong', id: message.id }));
        return undefined;
      case 'cancel':
        if (message.id === undefined) throw new Refusal('BAD_MESSAGE');
        return cancelStreams(session, message.id);
      case 'subscribe':
        return this.#counted(this.#subscribes.subscribe(session, message, this.fail));
      case 'unsubscribe':
        return this.#subscribes.unsubscribe(session, message, this.fail);
      case 'refresh':
        // Without handshake guards there are no credentials, so `refresh` is an unknown event.
        if (session.endpoint.handshakeGuards.length === 0) break;
        return this.#counted(this.#refreshes.refresh(session, message, this.fail));
    }
    this.#nameUnknown(session.endpoint, message.event);
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
  #handle(session: ClientSession, message: Message, route: Route): void | Promise<void> {
    const call = new MessageCall(this, session, message);
    try {
      const result = route.handle(session.connection.socket, message.data, call, route.pattern);
      if (call.streaming || isThenable(result)) return this.#settle(session, message, call, result);
      this.reply(session, message, result);
    } catch (error) {
      this.fail(session, message.id, error);
    }
  }

  async #settle(
    session: ClientSession,
    message: Message,
    call: MessageCall,
    promised: unknown,
  ): Promise<void> {
    this.#active++;
    call.begin();
    try {
      // The first values of a stream come before frames that its handler sends in process.nextTick().
      const result = isThenable(promised) ? await promised : promised;
      if (isObservable(result)) await call.replyEach(result, this.#streams);
      else this.reply(session, message, result);
    } catch (error) {
      this.fail(session, message.id, error);
    } finally {
      this.#ended();
      call.settled();
    }
  }

  readonly #ended = (): void => {
    if (--this.#active === 0) this.#idle.come();
  };

  acknowledge(session: ClientSession, message: Message, value: unknown): void {
    try {
      this.push(session, message, value);
    } catch (error) {
      this.fail(session, message.id, error);
    }
  }

  /**
   * Sends the handler's result as a frame, with the id of the request. An empty result sends nothing, as under
   * `WsAdapter`.
   */
  reply({ connection }: ClientSession, message: Message, result: unknown): void {
    const json = replyJson(message, result);
    if (json !== undefined) connection.answer(json);
  }

  push({ connection }: ClientSession, message: Message, value: unknown): void {
    const json = replyJson(message, value);
    if (json === undefined) return;
    // A stream may have any number of values. While others are unread, a value is limited like a frame sent unasked.
    if (connection.full) connection.sendText(json);
    else connection.answer(json);
  }

  complete(session: ClientSession, { id }: Message): void {
    if (id !== undefined) this.#send(session, `{"id":${JSON.stringify(id)},"event":"complete"}`);
  }

  teardownFailed(error: unknown): void {
    this.#errors.error(error, 'a reply stream failed in its teardown');
  }

  /** Answers a failed request, counts a refusal, and logs an unexpected error. */
  readonly fail: Fail = (session, id, thrown, topic) => {
    const error = readableError(thrown);
    if (!isAnswer(error)) this.#errors.error(error);
    if (!session.connection.open) return;
    const text = this.#frameOf(id, error, topic);
    // A refusal by the library does not count as a requested answer, so it never waits for the client to read.
    if (error instanceof Refusal) this.#send(session, text);
    else session.connection.answer(text);
    const cause = causeOf(error);
    if (cause !== undefined) this.#offenders.refused(session, cause);
  };

  #frameOf(id: MessageId | undefined, error: unknown, topic: string | undefined): string {
    if (error instanceof Refusal && id === undefined && (error.topic ?? topic) === undefined)
      return unreadFrame(error.code);
    const answer = errorAnswer(error);
    const failure = answer.details?.failure;
    if (failure !== undefined)
      this.#errors.error(failure, `the details of an exception (${answer.code}) cannot be sent as JSON`);
    return errorFrame(id, { ...answer, topic: answer.topic ?? topic });
  }

  #send(session: ClientSession, text: string): void {
    session.connection.sendText(text);
  }
}

/** Returns the JSON of a reply; undefined for an empty result. @throws FanoutError FANOUT_REPLY */
function replyJson({ event, id }: Message, result: unknown): string | undefined {
  if (result === undefined || result === null) return undefined;
  return id === undefined ? outgoingJson('FANOUT_REPLY', event, result) : answerJson(event, id, result);
}

/**
 * Returns the JSON of a reply to a request with an id. A frame from the handler is used as it is; any other value gets
 * a frame.
 */
function answerJson(event: string, id: MessageId, result: {}): string | undefined {
  const isFrame = typeof result === 'object' && 'event' in result;
  if (!isFrame) return outgoingJson('FANOUT_REPLY', event, { event, id, data: result });
  // Copying the frame to add the id would cost half as much again as its JSON.
  const isPlain =
    Object.getPrototypeOf(result) === Object.prototype && !('id' in result) && !('toJSON' in result);
  if (!isPlain) return outgoingJson('FANOUT_REPLY', event, { ...result, id });
  const json = outgoingJson('FANOUT_REPLY', event, result)!;
  const member = `"id":${typeof id === 'number' ? id : JSON.stringify(id)}}`;
  return json === '{}' ? `{${member}` : `${json.slice(0, -1)},${member}`;
}
