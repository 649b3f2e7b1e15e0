import { CPU_A_DELIVERY, DELIVERY_COLUMNS } from '../measure/columns.mjs';
import { deliver, OURS } from '../measure/delivery.mjs';

const A_FLUSH = 20;
const CONNECTIONS_A_MS = 25; // as in the shape of one topic: a turn is a flush
const EXTENSIONS = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
const PLAIN = 'uncompressed';
const DEFLATED = 'compressed';

/** (f) Ticker data of 50 symbols: compressed once for everybody, or once for each. */
export const shape = {
  name: 'compressed',
  title: `Ticker data of 50 symbols, ${A_FLUSH} a flush, uncompressed and compressed`,
  peers: [OURS, 'ws-deflate'],
  sizes: {
    full: { connections: 2000, forMs: 3000 },
    quick: { connections: 500, forMs: 500, repeats: 1 },
  },
  figure: CPU_A_DELIVERY,

  async run(peer, { connections, forMs }, context) {
    const intervalMs = Math.max(20, Math.ceil(connections / CONNECTIONS_A_MS));
    const load = name => [{ case: name, perTopic: A_FLUSH, intervalMs, forMs }];
    if (peer !== OURS) {
      return deliver(
        peer,
        { audience: { connections, extensions: EXTENSIONS }, loads: load(DEFLATED) },
        context,
      );
    }
    const audience = { connections, subprotocol: 'fanout.v1.json' };
    const env = { BENCH_OPTIONS: JSON.stringify({ compression: true }) };
    return [
      ...(await deliver(peer, { audience, loads: load(PLAIN) }, context)),
      ...(await deliver(
        peer,
        { audience: { ...audience, extensions: EXTENSIONS }, loads: load(DEFLATED), env },
        context,
      )),
    ];
  },

  columns: DELIVERY_COLUMNS,
  targets: [
    {
      case: DEFLATED,
      name: 'cost over that of uncompressed',
      value: (row, at) => row.usPerDelivery / at(OURS, PLAIN)?.usPerDelivery,
      atMost: 1.3,
      gate: 2,
    },
    {
      case: DEFLATED,
      name: 'bytes over those of uncompressed',
      value: (row, at) => row.bytesPerDelivery / at(OURS, PLAIN)?.bytesPerDelivery,
      atMost: 0.25,
      gate: 0.35,
    },
    { case: DEFLATED, against: 'ws-deflate', ratio: 20, gate: 8 },
  ],
};
