const PACKET = 1460; // bytes

/**
 * One direction of a line. It reads from a socket whatever comes until `bufferBytes` wait, puts it on the line packet by
 * packet at its rate, and writes each packet to the other socket a delay later.
 */
export class OneWay {
  #from;
  #to;
  #bytesPerMs;
  #delayMs;
  #bufferBytes;
  #waiting = [];
  #waitingBytes = 0;
  #onTheLine = [];
  #freeAt = 0;
  #timer;
  #ended = false;
  #stopped = false;

  /**
   * @param {import('node:net').Socket} from
   * @param {import('node:net').Socket} to
   * @param {import('./throttles.mjs').ThrottledLine} line
   */
  constructor(from, to, { bytesPerSecond, delayMs, bufferBytes }) {
    this.#from = from;
    this.#to = to;
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#delayMs = delayMs;
    this.#bufferBytes = bufferBytes;
  }

  /** Begins to read, and goes on until one of the two sockets is gone. */
  begin() {
    this.#from.on('data', chunk => this.#take(chunk));
    this.#from.on('end', () => this.#end());
    this.#from.on('close', () => this.#end());
    this.#to.on('drain', () => this.#move());
    this.#to.on('close', () => this.#stop());
  }

  /** From now on the line has another rate. */
  setRate(bytesPerSecond) {
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  #take(chunk) {
    if (this.#stopped) return;
    // A line that was idle begins now; one that was busy goes on where it ended.
    if (this.#waitingBytes === 0) this.#freeAt = Math.max(this.#freeAt, performance.now());
    for (let at = 0; at < chunk.length; at += PACKET) this.#waiting.push(chunk.subarray(at, at + PACKET));
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes >= this.#bufferBytes) this.#from.pause();
    this.#move();
  }

  /** Moves on whatever is due. */
  #move() {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    const now = performance.now();
    while (this.#waiting.length > 0 && this.#freeAt <= now) this.#putOnLine(this.#waiting.shift());
    while (this.#onTheLine.length > 0 && this.#onTheLine[0].at <= now && this.#hasRoomBehind()) {
      this.#to.write(this.#onTheLine.shift().packet);
    }
    if (this.#waitingBytes < this.#bufferBytes) this.#from.resume();
    if (this.#waiting.length > 0 || this.#onTheLine.length > 0) this.#wait(now);
    else if (this.#ended) this.#to.end();
  }

  #putOnLine(packet) {
    this.#freeAt += packet.length / this.#bytesPerMs;
    this.#waitingBytes -= packet.length;
    this.#onTheLine.push({ packet, at: this.#freeAt + this.#delayMs });
  }

  #hasRoomBehind() {
    return this.#to.writableLength < this.#bufferBytes;
  }

  #wait(now) {
    const free = this.#waiting.length > 0 ? this.#freeAt : Infinity;
    const arrival = this.#hasRoomBehind() ? (this.#onTheLine[0]?.at ?? Infinity) : Infinity;
    const next = Math.min(free, arrival);
    if (next < Infinity) this.#timer = setTimeout(() => this.#move(), Math.max(1, next - now));
  }

  /** Nothing more comes: what is on its way still arrives. */
  #end() {
    if (this.#ended) return;
    this.#ended = true;
    this.#move();
  }

  /** Nobody is there to get anything. */
  #stop() {
    clearTimeout(this.#timer);
    this.#stopped = true;
    this.#waiting = [];
    this.#onTheLine = [];
  }
}
