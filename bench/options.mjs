import { parseArgs } from 'node:util';

export const HELP = `node bench/run.mjs [options]

  --quick            smaller and shorter: under two minutes
  --gate             exit code 1 when a bound is broken (see bench/README.md)
  --shape NAME       fanout or soak; both without it
  --connections N    instead of the shape's own number
  --batched          clients ask for fanout.v1.json: many publications in a frame
  --profile          writes CPU profiles of the fanout server to bench/results/ (its figures are then a little worse)
  --json FILE        where the results go, instead of bench/results/
`;

// A flush to 5,000 sockets takes about 50 ms, and fanout lets flushing take half of the loop before it gathers more in
// each. Turns 200 ms apart stay well clear of that, so a turn is a flush; otherwise its figures would be too good.
const FULL = {
  repeats: 3,
  fanout: { connections: 5000, perTurn: [1, 10, 100], intervalMs: 200, forMs: 3000 },
  soak: { connections: 10_000, perSecond: 100, seconds: 20 },
  limitMs: 15 * 60_000,
};

// Of fewer sockets more stays in the processor's caches, which favours the loops of ws: ratios are lower than in full.
const QUICK = {
  repeats: 3,
  fanout: { connections: 2000, perTurn: [1, 10, 100], intervalMs: 80, forMs: 1000 },
  soak: { connections: 2000, perSecond: 100, seconds: 5 },
  limitMs: 4 * 60_000,
};

export const SHAPES = ['fanout', 'soak'];

/** @param {string[]} args throws an Error whose message is for the terminal */
export function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      gate: { type: 'boolean', default: false },
      shape: { type: 'string' },
      connections: { type: 'string' },
      batched: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const { shape, connections, ...rest } = values;
  if (shape !== undefined && !SHAPES.includes(shape)) {
    throw new Error(`--shape must be ${SHAPES.join(' or ')}; got ${shape}`);
  }
  if (connections !== undefined && !/^[1-9]\d*$/.test(connections)) {
    throw new Error(`--connections must be a whole number above 0; got ${connections}`);
  }

  const size = structuredClone(values.quick ? QUICK : FULL);
  if (connections !== undefined) {
    size.fanout.connections = size.soak.connections = Number(connections);
    // The same share of the server's time for one flush, whatever the number of sockets.
    size.fanout.intervalMs = Math.max(5, Math.ceil(Number(connections) / 25));
  }
  return { ...rest, ...size, shapes: shape === undefined ? SHAPES : [shape] };
}
