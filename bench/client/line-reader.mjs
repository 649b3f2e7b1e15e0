import { WebSocket } from 'ws';
import { POLICIES } from '../lines/topics.mjs';
import { topicName } from '../message.mjs';
import { LineAccount } from './line-account.mjs';

const AGAIN_MS = 1000; // after its connection was ended, or the server was busy

/** A client at the end of a line: it reads without a pause, and when its connection is ended it comes back with `since`. */
export class LineReader {
  #url;
  #topic;
  #account;
  #told = [];
  #record = [];
  #bytesBefore = 0;
  #bytesInTime = 0;
  #socket;
  #gone = false;
  #timer;
  #answered;
  /** Resolves when the first subscribe was answered. */
  ready = new Promise(resolve => (this.#answered = resolve));

  /** @param {{ url: string, policy: string }} line */
  constructor({ url, policy }) {
    this.#url = url;
    this.#topic = topicName(POLICIES.indexOf(policy));
    this.#account = new LineAccount(policy);
    this.#come();
  }

  /** Notes the age of the newest publication, and what was read on this connection. */
  look(second) {
    this.#record.push([second, this.#account.staleMs, this.#bytesRead, this.#account.gapFrames]);
  }

  /** Nothing more is published. */
  over() {
    this.#account.over();
    this.#bytesInTime = this.#bytesBefore + this.#bytesRead;
  }

  missingKeys(lastSeq) {
    return this.#account.missingKeys(lastSeq);
  }

  report() {
    return {
      ...this.#account.report(),
      bytes: this.#bytesInTime,
      told: this.#told,
      record: this.#record,
    };
  }

  /** Goes for good, at once: what is on its way takes too long. */
  async leave() {
    this.#gone = true;
    clearTimeout(this.#timer);
    const socket = this.#socket;
    if (socket.readyState === WebSocket.CLOSED) return;
    await new Promise(resolve => {
      socket.once('close', resolve);
      socket.terminate();
    });
  }

  #come() {
    const socket = new WebSocket(this.#url, { perMessageDeflate: false });
    this.#socket = socket;
    socket.on('open', () => this.#subscribe());
    socket.on('message', text => this.#read(JSON.parse(text)));
    socket.on('error', () => {}); // `close` follows
    socket.on('close', (code, reason) => this.#ended(`${code} ${reason}`.trim()));
  }

  #subscribe() {
    const data = { topic: this.#topic, since: this.#account.since(this.#topic) };
    this.#socket.send(JSON.stringify({ event: 'subscribe', data }));
  }

  #read(message) {
    if (message.topic !== undefined) this.#account.publication(message);
    else if (message.event === 'gap') this.#account.gap(message.data);
    else if (message.event === 'subscribed') {
      this.#account.subscribed(message.data);
      this.#answered();
    } else if (message.event === 'error' && message.data.code === 'BUSY') {
      this.#timer = setTimeout(() => this.#subscribe(), AGAIN_MS);
    } else throw new Error(`unexpected frame: ${JSON.stringify(message).slice(0, 200)}`);
  }

  #ended(why) {
    if (this.#gone) return;
    this.#told.push(why);
    this.#bytesBefore += this.#bytesRead;
    this.#timer = setTimeout(() => this.#come(), AGAIN_MS);
  }

  get #bytesRead() {
    return this.#socket._socket?.bytesRead ?? 0;
  }
}
