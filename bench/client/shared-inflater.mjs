import { constants, inflateRawSync } from 'node:zlib';

const REMEMBERED = 256; // frames: more than a flush has
const SYNC_TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]); // cut off by the sender (RFC 7692, 7.2.1)

/**
 * Inflates compressed frames, each once. Without context takeover the same text is the same bytes for every client, so
 * the n-th frame of a connection is compared with the n-th frame of the one that had it first. Inflating each would make
 * the client the slow side; where a server sends each client bytes of its own, it is.
 */
export class SharedInflater {
  #framesOf;
  #remembered = [];
  /** Frames that had to be inflated. */
  inflated = 0;

  /** @param {number} connections */
  constructor(connections) {
    this.#framesOf = new Uint32Array(connections);
  }

  /**
   * @param {Buffer} payload valid during the call only
   * @param {import('./connection.mjs').Connection} connection is given the text
   */
  read = (payload, connection) => {
    const index = this.#framesOf[connection.number]++;
    const known = this.#remembered[index % REMEMBERED];
    if (known?.index === index && known.payload.equals(payload)) return connection.inflated(known.text);
    const text = inflateRawSync(Buffer.concat([payload, SYNC_TAIL]), { finishFlush: constants.Z_SYNC_FLUSH });
    this.inflated++;
    if (known === undefined || known.index < index) {
      this.#remembered[index % REMEMBERED] = { index, payload: Buffer.from(payload), text };
    }
    connection.inflated(text);
  };
}
