import { fileURLToPath } from 'node:url';
import { median } from '../median.mjs';
import { figures } from './figures.mjs';
import { measure, start } from './start.mjs';

export const PEERS = ['fanout', 'ws-each', 'ws-once', 'net-floor'];
export const CONTROL = 'ws-once';

// One turn of 100 messages to 5,000 clients takes a ws loop five to eight seconds here; ten times that on a slow machine.
const LOAD_TIMEOUT_MS = 90_000;

/**
 * What one more delivery costs the server, for few and for many publications a flush. The peers run between the
 * repeats of fanout and not after them, so that a machine that grows slower does so for all.
 *
 * @returns one row for each peer and number of publications a flush
 */
export async function fanoutShape(options, machine, say) {
  const runs = [];
  for (let repeat = 0; repeat < options.repeats; repeat++) {
    // Another one begins each time: what the repeat before left to the machine is not always the same one's burden.
    for (const peer of [...PEERS.slice(repeat), ...PEERS.slice(0, repeat)]) {
      say(`fanout ${repeat + 1}/${options.repeats}: ${peer}`);
      runs.push(...(await onePeer(peer, repeat, options, machine)));
    }
  }
  const rows = options.fanout.perTurn.flatMap(perTurn =>
    PEERS.map(peer =>
      summary(
        peer,
        perTurn,
        runs.filter(run => run.peer === peer && run.perTurn === perTurn),
      ),
    ),
  );
  for (const row of rows) {
    const control = rows.find(other => other.peer === CONTROL && other.perTurn === row.perTurn);
    row.timesCheaper = control.usPerDelivery / row.usPerDelivery;
  }
  return { rows, runs };
}

async function onePeer(peer, repeat, options, machine) {
  const { connections, perTurn, intervalMs, forMs } = options.fanout;
  const pair = await start(peer, {
    pinned: machine.pinned,
    connections,
    subprotocol: options.batched && peer === 'fanout' ? 'fanout.v1.json' : undefined,
  });
  try {
    const runs = [];
    for (const k of perTurn) {
      // The first turns of a kind are compiled, and sized in the allocator; ten messages are enough of it for the loops.
      await measure(
        pair,
        { perTurn: Math.min(k, 10), intervalMs, minTurns: 3 },
        { loadTimeoutMs: LOAD_TIMEOUT_MS },
      );
      const profiled = options.profile && peer === 'fanout' && repeat === 0;
      if (profiled) await pair.server.call('startProfile');
      const result = await measure(
        pair,
        { perTurn: k, intervalMs, forMs },
        { loadTimeoutMs: LOAD_TIMEOUT_MS },
      );
      if (profiled) await pair.server.call('stopProfile', { file: profileFile(k) });
      runs.push({ peer, perTurn: k, repeat, ...figures(result, connections) });
    }
    return runs;
  } finally {
    await pair.stop();
  }
}

function profileFile(perTurn) {
  return fileURLToPath(new URL(`../results/fanout-${perTurn}-a-flush.cpuprofile`, import.meta.url));
}

/** Medians of the repeats; but the worst of what must never happen, and of the client's share. */
function summary(peer, perTurn, runs) {
  const of = name => runs.map(run => run[name]);
  const row = { peer, perTurn };
  const medians = ['usPerDelivery', 'kernelShare', 'deliveriesPerSecond', 'p50', 'p99', 'serverShare'];
  for (const name of medians) row[name] = median(of(name));
  if (runs[0].perFlush !== undefined) row.perFlush = median(of('perFlush'));
  for (const name of ['clientShare', 'lost', 'wrong', 'failures']) row[name] = Math.max(...of(name));
  row.lowest = Math.min(...of('usPerDelivery'));
  row.highest = Math.max(...of('usPerDelivery'));
  row.firstFailure = of('firstFailure').find(Boolean);
  return row;
}
