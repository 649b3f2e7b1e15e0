/**
 * The bounds that `--gate` holds. They are generous on purpose: a gate that fails by chance is soon switched off. The
 * targets themselves are higher and are read off the table.
 */
export const BOUNDS = {
  timesCheaperAt10: 5, // the target is 8
  costAt1: 1.25, // of the stringify-once loop: with nothing to batch there is little to win, and machines are noisy
  heapGrowthBytes: 16 * 2 ** 20,
  rssGrowthBytes: 64 * 2 ** 20,
};

/** @returns {{ name: string, ok: boolean, got: string }[]} */
export function judge({ fanout, soak }) {
  return [...(fanout ? judgeFanout(fanout.rows) : []), ...(soak ? judgeSoak(soak) : [])];
}

function judgeFanout(rows) {
  const at = perTurn => rows.find(row => row.peer === 'fanout' && row.perTurn === perTurn);
  const broken = rows.filter(row => row.lost > 0 || row.wrong > 0 || row.failures > 0);
  const cheaper = at(10).timesCheaper;
  const cost = 1 / at(1).timesCheaper;
  return [
    {
      name: 'fanout shape: nothing lost, out of order or cut off, for any peer',
      ok: broken.length === 0,
      got: broken.map(row => `${row.peer} at ${row.perTurn}`).join(', ') || 'nothing',
    },
    {
      name: `fanout at 10 a flush at least ${BOUNDS.timesCheaperAt10} times cheaper than stringify-once`,
      ok: cheaper >= BOUNDS.timesCheaperAt10,
      got: `${cheaper.toFixed(1)} times`,
    },
    {
      name: `fanout at 1 a flush at most ${BOUNDS.costAt1} times the cost of stringify-once`,
      ok: cost <= BOUNDS.costAt1,
      got: `${cost.toFixed(2)} times`,
    },
  ];
}

function judgeSoak(soak) {
  const { memory } = soak;
  const verdicts = [
    {
      name: `soak: all ${soak.deliveries} deliveries, in order`,
      ok: soak.lost === 0 && soak.wrong === 0 && soak.failures === 0 && soak.arrived === soak.deliveries,
      got: `${soak.arrived} arrived, ${soak.lost} lost, ${soak.wrong} wrong, ${soak.failures} connections failed`,
    },
    {
      name: 'soak: nothing held when all clients are gone',
      ok: soak.buffersInUse === 0 && soak.connectionsLeft === 0,
      got: `${soak.buffersInUse} buffers, ${soak.connectionsLeft} connections`,
    },
  ];
  if (memory.rssGrowth !== undefined) {
    verdicts.push({
      name: 'soak: memory flat after the first five seconds',
      ok: memory.heapGrowth <= BOUNDS.heapGrowthBytes && memory.rssGrowth <= BOUNDS.rssGrowthBytes,
      got: `heap ${mebibytes(memory.heapGrowth)}, resident ${mebibytes(memory.rssGrowth)}`,
    });
  }
  return verdicts;
}

function mebibytes(bytes) {
  return `${bytes < 0 ? '' : '+'}${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
