import { parseArgs } from 'node:util';

export const HELP = `node bench/run.mjs [options]

  --quick            smaller and shorter: all shapes that have a quick size, under three minutes
  --gate             exit code 1 when a bound is broken (see bench/README.md)
  --shape NAME       this shape, and every other one that is named so; all without it
  --against NAME     nestjs-fanout and this peer only
  --connections N    instead of the shape's own number; several of them for a shape that has several
  --repeats N        instead of three
  --lag MS           slowConsumer.lag of the shapes lines and ledger; 0 bounds nothing
  --namespaces       the shape lines over lines of the kernel between network namespaces; needs root
  --batched          clients ask for fanout.v1.json: many publications in a frame
  --profile          writes CPU profiles of the fanout server to bench/results/ (its figures are then a little worse)
  --json FILE        where the results go, instead of bench/results/
`;

const REPEATS = 3;

/**
 * @param {string[]} args
 * @param {any[]} shapes all there are
 * @throws an Error whose message is for the terminal
 */
export function readOptions(args, shapes) {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      gate: { type: 'boolean', default: false },
      shape: { type: 'string', multiple: true },
      against: { type: 'string' },
      connections: { type: 'string', multiple: true },
      repeats: { type: 'string' },
      lag: { type: 'string' },
      namespaces: { type: 'boolean', default: false },
      batched: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const connections = values.connections?.map(text => wholeNumber(text, 'connections'));
  const repeats = values.repeats && wholeNumber(values.repeats, 'repeats');
  const lag = values.lag === undefined ? undefined : milliseconds(values.lag, 'lag');
  const chosen = choose(shapes, values);
  return {
    ...values,
    connections,
    repeats,
    lag,
    plans: chosen.map(shape => plan(shape, { ...values, connections, repeats })),
    limitMs: (values.quick ? 10 : 90) * 60_000,
  };
}

/** What is run of a shape: its size, with what the command line changes, and its peers. */
function plan(shape, { quick, against, connections, repeats }) {
  const size = { ...(quick ? shape.sizes.quick : shape.sizes.full) };
  if (connections !== undefined && size.connections !== undefined) {
    size.connections = Array.isArray(size.connections) ? connections : connections[0];
  }
  const [ours, ...others] = size.peers ?? shape.peers;
  return {
    shape,
    size,
    peers: against === undefined ? [ours, ...others] : [ours, against],
    repeats: repeats ?? size.repeats ?? REPEATS,
  };
}

function choose(shapes, { shape: names, against, quick }) {
  const known = shapes.map(({ name }) => name);
  const unknown = names?.find(name => !known.includes(name));
  if (unknown !== undefined) throw new Error(`--shape must be one of ${known.join(', ')}; got ${unknown}`);
  const chosen = shapes.filter(
    shape =>
      (names?.includes(shape.name) ?? true) &&
      (against === undefined || shape.peers.slice(1).includes(against)) &&
      (!quick || shape.sizes.quick !== undefined),
  );
  if (chosen.length === 0) {
    throw new Error(
      `nothing to run: ${against ? `no such shape has the peer ${against}` : 'no such shape has a quick size'}`,
    );
  }
  return chosen;
}

function wholeNumber(text, name) {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`--${name} must be a whole number above 0; got ${text}`);
  return Number(text);
}

function milliseconds(text, name) {
  if (!/^\d+$/.test(text)) throw new Error(`--${name} must be a whole number of milliseconds; got ${text}`);
  return Number(text);
}
