import { saturate, saturatedColumns, saturatedFigure, startSaturated } from '../measure/saturated.mjs';

/** Messages in flight on each connection, and the handler they are for. */
const CASES = {
  '1 in flight': { event: 'echo', inFlight: 1 },
  '10 in flight': { event: 'echo', inFlight: 10 },
  '1 in flight, guard and pipe': { event: 'guarded', inFlight: 1 },
  '10 in flight, guard and pipe': { event: 'guarded', inFlight: 10 },
};
const PLAIN = ['1 in flight', '10 in flight'];

const PEERS = {
  fanout: { server: 'echo-fanout' },
  nest: { server: 'echo-nest' },
  ws: { server: 'echo-ws', cases: PLAIN },
  'fanout-limited': { server: 'echo-fanout', env: { FANOUT_LIMITER: 'high' }, cases: PLAIN },
};

export const shape = {
  name: 'echo',
  title: 'inbound: an echo through a @SubscribeMessage handler, the server saturated',
  peers: Object.keys(PEERS),
  sizes: {
    full: { connections: 300, warmMs: 1500, forMs: 3000, cases: Object.keys(CASES) },
    quick: {
      connections: 200,
      warmMs: 600,
      forMs: 800,
      repeats: 1,
      cases: PLAIN,
      peers: ['fanout', 'nest', 'ws'],
    },
  },
  figure: saturatedFigure('messages'),
  columns: saturatedColumns('messages'),
  async run(peer, { connections, warmMs, forMs, cases }, { pinned, options, repeat }) {
    const { server, env, cases: only = cases } = PEERS[peer];
    const pair = await startSaturated(
      { server, client: 'echo-client', env },
      { count: connections },
      { pinned },
    );
    try {
      const rows = [];
      for (const name of cases.filter(each => only.includes(each))) {
        const profiled = options.profile && peer === 'fanout' && repeat === 0;
        const profile = profiled ? `echo-${name.replaceAll(/\W+/g, '-')}` : undefined;
        const load = { load: CASES[name], warmMs, forMs, profile, counted: repeat === 0 };
        rows.push({ case: name, ...(await saturate(pair, load)) });
      }
      return rows;
    } finally {
      await pair.stop();
    }
  },
  targets: [
    { case: '1 in flight', against: 'nest', ratio: 1.15, gate: 1 },
    { case: '1 in flight', against: 'ws', ratio: 0.8, gate: 0.65 },
    { case: '10 in flight', against: 'nest', ratio: 1.5, gate: 1.2 },
    { case: '10 in flight', against: 'ws', ratio: 1.1, gate: 0.9 },
  ],
};
