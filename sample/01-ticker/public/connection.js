/**
 * A client of nestjs-fanout in one page: topics, reconnecting, and nothing else.
 *
 * A frame with `topic` is a publication, one with `event` is for us; with the subprotocol `fanout.v1.json` the server
 * may put a whole batch of them into one frame, as an array.
 */

const SUBPROTOCOL = 'fanout.v1.json';
const RETRY_AFTER = /retry-after=(\d+)$/;
const FIRST_RETURN_MS = 500;
const LONGEST_RETURN_MS = 15_000;
/** The status of the server comes every second, so this much silence means a link that died without a word. */
const SILENCE_BEFORE_PING_MS = 10_000;
const SILENCE_BEFORE_LEAVING_MS = 20_000;
const WATCH_MS = 5_000;

export class Connection {
  #url;
  #listener;
  #socket = null;
  /** Ends our interest in the events of the socket. */
  #listening = new AbortController();
  /** Topic → { snapshot(data, topic), publication(data, topic) }. Outlives the socket, for the next one. */
  #handlers = new Map();
  #wanted = false;
  #subprotocol = true;
  #everOpen = false;
  /** The server said "do not come back". */
  #banned = false;
  #attempts = 0;
  #returning = 0;
  #heardAt = 0;

  /** @param listener { state(name, text), delivery(messages), reply(event, data) } */
  constructor(url, listener) {
    this.#url = url;
    this.#listener = listener;
    setInterval(() => this.#watch(), WATCH_MS);
    // The network is back: no reason to sit out the rest of the wait.
    addEventListener('online', () => this.#wanted && this.open());
  }

  /** Opens the connection if there is none, without waiting for the next attempt. */
  open() {
    this.#wanted = true;
    if (this.#socket !== null || this.#banned) return;
    clearTimeout(this.#returning);
    this.#listener.state('connecting', 'Connecting …');
    const socket = this.#subprotocol ? new WebSocket(this.#url, SUBPROTOCOL) : new WebSocket(this.#url);
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    socket.addEventListener('open', () => this.#onOpen(), { signal });
    socket.addEventListener('message', ({ data }) => this.#onMessage(data), { signal });
    socket.addEventListener('close', ({ code, reason }) => this.#onClose(code, reason), { signal });
    this.#socket = socket;
  }

  /** Closes the connection until open(): a page that nobody sees needs no prices. Its topics are kept. */
  pause() {
    this.#wanted = false;
    clearTimeout(this.#returning);
    this.#letGo();
    if (!this.#banned) this.#listener.state('paused', 'Paused');
  }

  follow(topics, handler) {
    for (const topic of topics) this.#handlers.set(topic, handler);
    this.#subscribe(topics);
  }

  unfollow(topic) {
    this.#handlers.delete(topic);
    this.send('unsubscribe', { topic });
  }

  send(event, data) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ event, data }));
  }

  #subscribe(topics) {
    // One message for all of them: the server limits messages, and answers each topic by itself.
    this.send('subscribe', { topics });
  }

  #onOpen() {
    this.#everOpen = true;
    this.#attempts = 0;
    this.#heardAt = performance.now();
    this.#listener.state('open', 'Connected');
    this.#subscribe([...this.#handlers.keys()]);
  }

  #onMessage(text) {
    this.#heardAt = performance.now();
    const parsed = JSON.parse(text);
    const messages = Array.isArray(parsed) ? parsed : [parsed];
    this.#listener.delivery(messages.length);
    for (const message of messages) this.#onEach(message);
  }

  #onEach(message) {
    if (message.topic !== undefined) {
      this.#handlers.get(message.topic)?.publication(message.data, message.topic);
      return;
    }
    if (message.event === 'subscribed') {
      const { topic, snapshot } = message.data;
      this.#handlers.get(topic)?.snapshot?.(snapshot, topic);
      return;
    }
    // `gap` needs nothing from us: the next price makes the last one worthless.
    this.#listener.reply(message.event, message.data);
  }

  #onClose(code, reason) {
    this.#socket = null;
    if (code >= 4500 && code <= 4999) {
      this.#banned = true;
      this.#listener.state('ended', `Closed by the server: ${reason || code}`);
      return;
    }
    // A server that does not know the subprotocol fails the handshake in the browser: then try without.
    if (!this.#everOpen) this.#subprotocol = !this.#subprotocol;
    const window = Math.min(LONGEST_RETURN_MS, FIRST_RETURN_MS * 2 ** this.#attempts++);
    // A server that goes down says how long it needs. Then anywhere in the window, or every page that lost the
    // server would be back in the same instant.
    const wait = Number(RETRY_AFTER.exec(reason)?.[1] ?? 0) + Math.random() * window;
    this.#returning = setTimeout(() => this.open(), wait);
    this.#listener.state('waiting', 'Disconnected, trying again …');
  }

  #watch() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    const silence = performance.now() - this.#heardAt;
    if (silence > SILENCE_BEFORE_LEAVING_MS) {
      this.#letGo();
      this.#onClose(1006, '');
    } else if (silence > SILENCE_BEFORE_PING_MS) {
      this.send('ping');
    }
  }

  /** Closes without waiting for the answer, which a dead link would never give. */
  #letGo() {
    if (this.#socket === null) return;
    this.#listening.abort();
    this.#socket.close();
    this.#socket = null;
  }
}
