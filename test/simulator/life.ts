import type { SocketConnection } from '../../lib/connection/socket-connection.js';
import type { Subscription } from '../../lib/topic/subscription.js';
import type { Answers } from './answers.js';
import type { FrameReader, Message } from './frame-reader.js';
import type { Law } from './law.js';
import { parse, shortened } from './message-text.js';
import { Pings } from './pings.js';
import type { Crowd } from './presence-view.js';
import { judgeAnswer, type Request } from './recovery.js';
import { subjectOf } from './scenario.js';
import type { SteadyLine } from './steady-line.js';
import { type Answer, type Gap, type Publication, TopicStream } from './topic-stream.js';
import type { Moment, Piece } from './virtual-line.js';
import type { VirtualSocket } from './virtual-socket.js';
import type { VirtualWebSocket } from './virtual-web-socket.js';
import { Waits } from './waits.js';
import { demand, Violation } from './violation.js';

const TEXT = 1;
const CLOSE = 8;
const PING = 9;

/** What a client asked for and has no answer to. */
interface Asked extends Request {
  readonly event: 'subscribe' | 'unsubscribe';
  readonly topic: string;
  /** Whether the server ended the subscription before it answered. */
  revoked?: boolean;
}

/** What a server does to a subscription by itself. */
interface Told {
  readonly event: Asked['event'];
  readonly topic: string;
  readonly moment: Moment;
  /** Whether it waits for the client to read its replies: what ends before is not told. */
  readonly waits?: boolean;
  /** Whether the subscription ended while it may have waited. */
  mayMiss?: boolean;
}

/** What a client keeps from one connection to the next: where each topic was left. */
export type Memory = Map<string, TopicStream>;

/** What a life begins with. */
export interface LifeParts {
  readonly connection: SocketConnection<Subscription>;
  readonly socket: VirtualSocket;
  readonly ws: VirtualWebSocket;
  readonly reader: FrameReader;
  readonly answers: Answers;
  readonly now: () => number;
  readonly memory: Memory;
  /** Whether the client reads everything at once. */
  readonly prompt: boolean;
  readonly steady: SteadyLine | undefined;
  readonly lawOf: (topic: string) => Law;
  /** Who is subscribed to a topic. */
  readonly crowdOf: (topic: string) => Crowd;
  /** Is told what came, to be counted. */
  readonly note: (what: string) => void;
  /** Is told what happens. */
  readonly trace: (line: () => string) => void;
}

/** One connection as its client lives it: reads frames, keeps its place in each topic, and notices what cannot be. */
export class Life {
  readonly connection: SocketConnection<Subscription>;
  readonly socket: VirtualSocket;
  readonly ws: VirtualWebSocket;
  readonly pings = new Pings();
  readonly waits = new Waits();
  readonly streams = new Map<string, TopicStream>();
  /** What waits for an answer, by id. */
  readonly asked = new Map<number, Asked>();
  /** Sends the answers of methods that take their time. */
  readonly held: (() => void)[] = [];
  /** Sizes of the replies that were sent. */
  readonly replies: number[] = [];
  /** Bytes that its subscriptions had to make up for when they began. */
  owed = 0;
  /** Subscriptions and ends of subscriptions that the server made by itself, and that the client does not know of. */
  readonly told: Told[] = [];
  /** When the server began to close it in good order, if it did. */
  finishes: Moment | undefined;
  /** Whether the client has always read everything at once. */
  prompt: boolean;
  /** When it was connected. */
  readonly began: number;
  /** Its line, as long as it is one of which the server must know. */
  steady: SteadyLine | undefined;
  /** What the close frame said. */
  closedWith: number | undefined;
  readonly trace: (line: () => string) => void;
  readonly #parts: LifeParts;
  /** Replies that came. */
  #heard = 0;
  #ids = 0;

  constructor(parts: LifeParts) {
    this.connection = parts.connection;
    this.socket = parts.socket;
    this.ws = parts.ws;
    this.prompt = parts.prompt;
    this.steady = parts.steady;
    this.began = parts.now();
    this.trace = parts.trace;
    this.#parts = parts;
    const { socket, ws, now } = parts;
    const { onPong } = ws;
    socket.onWrite = data => this.pings.wrote(data, now());
    ws.onPong = payload => {
      this.pings.answered(payload, now());
      onPong(payload);
    };
  }

  /** The id of a new request. */
  ask(request: Asked): number {
    this.asked.set(++this.#ids, request);
    return this.#ids;
  }

  /** Bytes of replies that the client has not read. */
  get unreadReplies(): number {
    return this.replies.slice(this.#heard).reduce((sum, size) => sum + size, 0);
  }

  /** The server has ended a subscription by itself. */
  revoked(topic: string, moment: Moment): void {
    for (const told of this.told) if (told.topic === topic && told.waits === true) told.mayMiss = true;
    this.told.push({ event: 'unsubscribe', topic, moment });
    for (const asked of this.asked.values()) if (asked.topic === topic) asked.revoked = true;
  }

  /** When something happens by itself: the client has read something, or an answer of it reaches the server. */
  get next(): number {
    return Math.min(this.socket.readsAt, this.#parts.answers.next);
  }

  /** The kernel and the peer do what they can. */
  read(): void {
    const { answers, now } = this.#parts;
    // Those to what it reads now come later.
    for (const payload of answers.arrived(now())) this.ws.receivePong(payload);
    for (const piece of this.socket.run()) {
      for (const message of this.#messages(piece)) this.#receive(message);
    }
    answers.send(now(), this.socket.delay);
  }

  /** The client is gone, and the server is not told. */
  vanish(): void {
    this.steady = undefined;
    this.socket.vanish();
    this.#parts.answers.stop();
  }

  /** From now on the client reads and answers everything at once. */
  hurry(): void {
    this.steady = undefined;
    this.socket.setNetwork({ kind: 'fast' });
    this.#parts.answers.hurry(this.#parts.now());
  }

  /** All is quiet: everything that was asked for or published has come. */
  complete(): void {
    const waiting = [...this.asked.values()][0];
    demand(waiting === undefined, 'reply', () => `no answer to ${waiting!.event} ${waiting!.topic}`);
    const untold = this.told.find(({ mayMiss }) => mayMiss !== true);
    demand(untold === undefined, 'reply', () => `the client was not told: ${JSON.stringify(untold)}`);
    const replies = this.replies.length;
    demand(this.#heard === replies, 'reply', () => `${this.#heard} of ${replies} replies came`);
    demand(!this.#parts.reader.isAmidst, 'protocol', () => 'the last message is not whole');
    for (const subscription of this.connection.subscriptions.values()) {
      const { name, log } = subscription.topic;
      const stream = this.streams.get(name);
      demand(stream !== undefined, 'loss', () => `${name}: the client knows of no subscription`);
      demand(
        stream.epoch === log.epoch,
        'recovery',
        () => `${name} is of epoch ${log.epoch}, not ${stream.epoch}`,
      );
      stream.complete(log.head);
      const subject = subjectOf(name);
      if (subject === undefined) continue;
      demand(stream.view !== undefined, 'presence', () => `${name}: the client cannot know who is there`);
      stream.view.complete(this.#parts.crowdOf(subject));
    }
    for (const name of this.streams.keys()) {
      const has = this.connection.subscriptions.has(name);
      demand(has, 'loss', () => `${name}: the subscription ended and the client was not told`);
    }
  }

  #messages(piece: Piece): Message[] {
    try {
      return [...this.#parts.reader.push(piece)];
    } catch (error) {
      throw new Violation('protocol', (error as Error).message);
    }
  }

  #receive({ opcode, payload, frames, written }: Message): void {
    const text = opcode === CLOSE ? String(payload.readUInt16BE(0)) : payload.toString();
    demand(this.closedWith === undefined, 'protocol', () => `a frame follows the close frame: ${text}`);
    if (opcode === PING) return this.#pinged(payload, written);
    this.trace(() => `reads ${opcode === CLOSE ? 'close ' : ''}${shortened(text)}, written at ${written.at}`);
    if (frames > 1) this.#parts.note('message in parts');
    if (opcode === CLOSE) this.#closed(Number(text));
    if (opcode !== TEXT) return;
    for (const frame of [parse(text)].flat()) this.#frame(frame, written);
  }

  #pinged(payload: Buffer, { at }: Moment): void {
    this.trace(() => `reads a ping, written at ${at}`);
    this.#parts.note('ping');
    this.#parts.answers.ping(payload);
  }

  #closed(code: number): void {
    this.closedWith = code;
    this.#parts.note(`close frame: ${code}`);
    const { finishes } = this;
    // Closed otherwise, such as for slowness, it has to come back for the rest.
    if (finishes === undefined || code !== 1000) return;
    for (const stream of this.streams.values()) stream.ended(finishes);
  }

  #frame(frame: any, written: Moment): void {
    if (frame.event === undefined) return this.#publication(frame, written);
    const { event, id, data } = frame;
    if (event === 'subscribed') this.#subscribed(id, data, written);
    else if (event === 'unsubscribed') this.#unsubscribed(id, data.topic);
    else if (event === 'gap') this.#gap(data, written);
    else if (event === 'reply') this.#reply(data.n);
    else if (event === 'error') this.#refused(id, data.code);
    else throw new Violation('protocol', `a frame that nobody asked for: ${JSON.stringify(frame)}`);
  }

  #publication(publication: Publication, written: Moment): void {
    const stream = this.#streamOf(publication.topic);
    if (stream.view !== undefined) this.#parts.note('presence');
    this.#parts.note(publication.offset > stream.last + 1 ? 'publication: others left out' : 'publication');
    stream.publication(publication, written);
  }

  #gap(gap: Gap, written: Moment): void {
    this.#parts.note(`gap: ${gap.reason}${gap.snapshot === undefined ? '' : ', with a snapshot'}`);
    this.#streamOf(gap.topic).gap(gap, written);
  }

  #streamOf(topic: string): TopicStream {
    const stream = this.streams.get(topic);
    demand(stream !== undefined, 'stranger', () => `something of ${topic}, which is not subscribed to`);
    return stream;
  }

  #subscribed(id: number | undefined, answer: Answer, written: Moment): void {
    const { topic } = answer;
    const asked = id === undefined ? undefined : this.#answered(id, 'subscribe', topic);
    if (id === undefined) this.#told('subscribe', topic);
    // The answer to the client's own request stands for one that waits.
    else for (const told of this.told) if (told.topic === topic && told.waits === true) told.mayMiss = true;
    const present = this.streams.get(topic);
    if (present !== undefined) return present.again(answer, written);
    if (answer.recovered !== undefined) this.#parts.note(`recovered: ${answer.recovered}`);
    const law = this.#parts.lawOf(topic);
    if (asked !== undefined) judgeAnswer(law, answer, asked, written);
    const stream = new TopicStream(law, answer, written, this.#parts.memory.get(topic));
    this.streams.set(topic, stream);
    this.#parts.memory.set(topic, stream);
  }

  #unsubscribed(id: number | undefined, topic: string): void {
    const told = id === undefined ? this.#told('unsubscribe', topic) : undefined;
    if (id !== undefined) this.#answered(id, 'unsubscribe', topic);
    const stream = this.streams.get(topic);
    this.streams.delete(topic);
    if (told !== undefined) stream?.ended(told.moment);
  }

  #refused(id: number, code: string): void {
    const asked = this.asked.get(id);
    const badRate =
      asked?.maxRate !== undefined && this.#parts.lawOf(asked.topic).spec.conflate === undefined;
    const due = code === 'BAD_RATE' ? badRate : code === 'FORBIDDEN' && asked?.revoked === true;
    demand(due, 'protocol', () => `${code} answers ${asked?.event} ${asked?.topic}`);
    this.asked.delete(id);
  }

  /** Finds what the client is told. What waits for the client to read may come later than what does not. */
  #told(event: Asked['event'], topic: string): Told {
    const isDue = (told: Told): boolean => told.event === event && told.topic === topic;
    const sure = this.told.findIndex(told => isDue(told) && told.mayMiss !== true);
    const at = sure >= 0 ? sure : this.told.findIndex(isDue);
    const inOrder = at >= 0 && this.told.slice(0, at).every(({ waits }) => waits === true);
    demand(inOrder, 'reply', () => `${event} ${topic} was told, not ${JSON.stringify(this.told[0])}`);
    return this.told.splice(at, 1)[0]!;
  }

  #answered(id: number, event: Asked['event'], topic: string): Asked {
    const asked = this.asked.get(id);
    demand(asked?.event === event && asked.topic === topic, 'reply', () => `nobody asked: ${event} ${topic}`);
    this.asked.delete(id);
    return asked;
  }

  #reply(n: number): void {
    this.#heard++;
    demand(n === this.#heard, 'reply', () => `reply ${n} came where ${this.#heard} was next`);
  }
}
