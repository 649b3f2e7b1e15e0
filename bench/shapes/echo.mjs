import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../process/child.mjs';

const script = name => fileURLToPath(new URL(`../${name}.mjs`, import.meta.url));
const CONNECT_TIMEOUT_MS = 60_000;
const DRAIN_MS = 5000;

/** Messages in flight on each connection, and the handler they are for. */
const CASES = [
  { case: '1 in flight', event: 'echo', inFlight: 1 },
  { case: '10 in flight', event: 'echo', inFlight: 10 },
  { case: '1 in flight, guard and pipe', event: 'guarded', inFlight: 1 },
  { case: '10 in flight, guard and pipe', event: 'guarded', inFlight: 10 },
];

/** Bare ws has no guards, and the limiter costs every case the same. */
const PLAIN_ONLY = ['ws', 'fanout-limited'];

const PEERS = {
  fanout: { server: 'echo-fanout' },
  nest: { server: 'echo-nest' },
  ws: { server: 'echo-ws' },
  'fanout-limited': { server: 'echo-fanout', env: { FANOUT_LIMITER: 'high' } },
};

export const shape = {
  name: 'echo',
  title: 'Inbound: an echo through a @SubscribeMessage handler, the server saturated',
  peers: Object.keys(PEERS),
  sizes: {
    full: { connections: 300, warmMs: 1500, forMs: 3000 },
    quick: { connections: 200, warmMs: 800, forMs: 1000 },
  },
  figure: { name: 'perCpuSecond', better: 'higher' },
  async run(peer, { connections, warmMs, forMs }, { pinned, say, options, repeat }) {
    const { server: name, env } = PEERS[peer];
    const server = new Child(script(`servers/${name}`), { cpu: pinned.server, env });
    const client = new Child(script('client/echo-client'), { cpu: pinned.client });
    try {
      const port = await server.call('port');
      await client.call('connect', { port, count: connections }, CONNECT_TIMEOUT_MS);
      const rows = [];
      for (const { case: title, event, inFlight } of CASES) {
        if (event !== 'echo' && PLAIN_ONLY.includes(peer)) continue;
        say(`echo: ${peer}, ${title}`);
        await client.call('begin', { event, inFlight });
        await sleep(warmMs);
        const profile = options.profile && repeat === 0 && profileFile(peer, title);
        if (profile) await server.call('startProfile');
        rows.push({ case: title, ...(await measured(server, client, forMs)) });
        if (profile) await server.call('stopProfile', { file: profile });
      }
      await client.call('close', {}, CONNECT_TIMEOUT_MS);
      return rows;
    } finally {
      await Promise.all([client.stop(), server.stop()]);
    }
  },
  columns: [
    ['messages/s', row => Math.round(row.perSecond).toLocaleString('en-US')],
    ['per CPU s', row => Math.round(row.perCpuSecond).toLocaleString('en-US')],
    ['µs CPU/message', row => row.usPerMessage.toFixed(2)],
    ['p50 ms', row => row.p50.toFixed(2)],
    ['p99 ms', row => row.p99.toFixed(2)],
    ['server', row => `${Math.round(row.serverShare * 100)} %`],
    ['kernel', row => `${Math.round(row.kernelShare * 100)} %`],
    ['client', row => `${Math.round(row.clientShare * 100)} %`],
    ['lost', row => String(row.lost)],
    ['wrong', row => String(row.wrong)],
  ],
  targets: [
    { case: '1 in flight', against: 'nest', ratio: 1.15, gate: 1.0 },
    { case: '1 in flight', against: 'ws', ratio: 0.8, gate: 0.65 },
    { case: '10 in flight', against: 'nest', ratio: 1.5, gate: 1.2 },
    { case: '10 in flight', against: 'ws', ratio: 1.1, gate: 0.9 },
  ],
};

async function measured(server, client, forMs) {
  const before = await Promise.all([server.call('usage'), client.call('mark')]);
  await sleep(forMs);
  const after = await Promise.all([
    server.call('usage'),
    client.call('stop', { timeoutMs: DRAIN_MS }, DRAIN_MS + 30_000),
  ]);
  const [serverUse, clientUse] = after.map((usage, i) => ({
    cpu: usage.cpu - before[i].cpu,
    took: usage.at - before[i].at,
    system: usage.system - before[i].system,
  }));
  const { replies, p50, p99, p999, lost, wrong, failures, firstFailure } = after[1];
  const messages = replies - before[1].replies;
  return {
    messages,
    perSecond: messages / (clientUse.took / 1e6),
    perCpuSecond: messages / (serverUse.cpu / 1e6),
    usPerMessage: serverUse.cpu / messages,
    serverShare: serverUse.cpu / serverUse.took,
    kernelShare: serverUse.system / serverUse.cpu,
    clientShare: clientUse.cpu / clientUse.took,
    p50,
    p99,
    p999,
    lost,
    wrong,
    failures,
    firstFailure,
  };
}

function profileFile(peer, title) {
  return fileURLToPath(
    new URL(`../results/echo-${peer}-${title.replaceAll(/\W+/g, '-')}.cpuprofile`, import.meta.url),
  );
}
