import { nowUs } from '../message.mjs';
import { roomName, STORM_PATH, TOPICS } from '../storm-topics.mjs';
import { maskedFrame, TEXT } from './masked-frame.mjs';
import { RawSocket } from './raw-socket.mjs';

const STRIDE = 7; // so that neighbours are in different rooms

/** How a server is spoken to, and by which byte of an answer it is known. */
const DIALECTS = {
  fanout: { ...nestFrames(), answers: topics => topics },
  // An application would answer a message once, however many topics are in it.
  nest: { ...nestFrames(), answers: () => 1 },
  'socket.io': {
    path: `${STORM_PATH}/?EIO=4&transport=websocket`,
    ask: (event, topics) => `420${JSON.stringify([event, topics])}`,
    answers: () => 1,
    isAnswer: (buffer, start) => buffer[start] === 0x34 && buffer[start + 1] === 0x33, // 43: an acknowledgement
    hello: true,
  },
};

function nestFrames() {
  const asked = { subscribe: 0x73, unsubscribe: 0x75 }; // the first letter of subscribed and unsubscribed
  return {
    path: STORM_PATH,
    ask: (event, topics) =>
      JSON.stringify({ event, data: topics.length === 1 ? { topic: topics[0] } : { topics } }),
    isAnswer: (buffer, start, event) => buffer[start + '{"event":"'.length] === asked[event],
  };
}

/** Ready frames by dialect, event and number of topics: all connections ask for the same rooms. */
const frames = new Map();

function framesOf(name, event, size) {
  const key = `${name} ${event} ${size}`;
  if (!frames.has(key)) {
    const blocks = Array.from({ length: TOPICS / size }, (_, block) =>
      Array.from({ length: size }, (__, i) => roomName(block * size + i)),
    );
    frames.set(
      key,
      blocks.map(topics => maskedFrame(TEXT, Buffer.from(DIALECTS[name].ask(event, topics)))),
    );
  }
  return frames.get(key);
}

/** One client that goes from room to room: it subscribes, waits for the answer, leaves, waits again. */
export class StormConnection {
  #socket;
  #tally;
  #onRoundTrip;
  #name;
  #dialect;
  #subscribes;
  #unsubscribes;
  #size = 0;
  #expected = 0;
  #answersLeft = 0;
  #event = '';
  #at;
  #asking = false;
  #sentAt = 0;
  /** Resolves when it may ask. */
  opened;

  constructor(port, tally, { index, onRoundTrip, onFailure }, name) {
    this.#tally = tally;
    this.#onRoundTrip = onRoundTrip;
    this.#name = name;
    this.#dialect = DIALECTS[name];
    this.#at = index * STRIDE;
    let greeted;
    const greeting = this.#dialect.hello ? new Promise(resolve => (greeted = resolve)) : undefined;
    this.#socket = new RawSocket(
      { port, path: this.#dialect.path },
      {
        onText: (buffer, start, end) => {
          if (this.#event === '') this.#onHello(buffer.latin1Slice(start, end), greeted);
          else this.#onText(buffer, start, end);
        },
        onRead: () => {},
        onFailure,
      },
    );
    this.opened = Promise.all([this.#socket.opened, greeting]);
  }

  /** Answers that have not come. */
  get waiting() {
    return this.#answersLeft;
  }

  begin({ topics }) {
    this.#size = topics;
    this.#expected = this.#dialect.answers(topics);
    this.#subscribes = framesOf(this.#name, 'subscribe', topics);
    this.#unsubscribes = framesOf(this.#name, 'unsubscribe', topics);
    this.#asking = true;
    this.#ask('subscribe', this.#subscribes);
  }

  /** It leaves the room that it is in, and enters no other. */
  stop() {
    this.#asking = false;
  }

  #ask(event, choice) {
    this.#event = event;
    this.#answersLeft = this.#expected;
    if (this.#onRoundTrip !== undefined) this.#sentAt = nowUs();
    this.#socket.write(choice[this.#at % choice.length]);
  }

  #onHello(text, greeted) {
    if (text.startsWith('0{')) this.#socket.write(maskedFrame(TEXT, Buffer.from('40')));
    else if (text.startsWith('40')) greeted();
    else this.#tally.wrong++;
  }

  #onText(buffer, start, end) {
    if (end - start === 1 && buffer[start] === 0x32) return this.#pong();
    if (!this.#dialect.isAnswer(buffer, start, this.#event)) this.#tally.wrong++;
    if (--this.#answersLeft > 0) return;
    this.#onRoundTrip?.(nowUs() - this.#sentAt);
    if (this.#event === 'subscribe') return this.#ask('unsubscribe', this.#unsubscribes);
    this.#tally.done += this.#size;
    this.#at++;
    if (this.#asking) this.#ask('subscribe', this.#subscribes);
  }

  /** Engine.IO has its own ping and pong. */
  #pong() {
    this.#socket.write(maskedFrame(TEXT, Buffer.from('3')));
  }
}
