import { median } from './median.mjs';

/** What must never happen, or tells that a figure is not to be trusted: the worst of the repeats counts, not the median. */
const WORST = ['lost', 'wrong', 'failures', 'clientShare', 'longestBlockMs'];

/**
 * All repeats of a shape. The peers run between the repeats of ours and not after them, so that a machine that grows
 * slower does so for all.
 *
 * @param {ReturnType<typeof import('./options.mjs').readOptions>['plans'][number]} plan
 * @returns a row for each case and peer, and what each repeat gave
 */
export async function repeatShape({ shape, size, peers, repeats }, context) {
  const runs = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    // Another one begins each time: what the repeat before left to the machine is not always the same one's burden.
    const from = repeat % peers.length;
    for (const peer of [...peers.slice(from), ...peers.slice(0, from)]) {
      context.say(`${shape.name} ${repeat + 1}/${repeats}: ${peer}`);
      const rows = await shape.run(peer, size, { ...context, repeat, shape: shape.name });
      runs.push(...rows.map(row => ({ peer, repeat, ...row })));
    }
  }
  return { rows: summarise(runs, peers, shape.figure), runs };
}

function summarise(runs, peers, figure) {
  const cases = [...new Set(runs.map(run => run.case))];
  const rows = cases.flatMap(name =>
    peers.flatMap(peer => {
      const of = runs.filter(run => run.peer === peer && run.case === name);
      return of.length === 0 ? [] : [{ peer, case: name, ...summary(of, figure) }];
    }),
  );
  for (const row of rows) {
    const ours = rows.find(other => other.peer === peers[0] && other.case === row.case);
    if (ours !== undefined) row.oursIsBetter = timesBetter(ours, row, figure);
  }
  return rows;
}

/** How many times better a row is than another one. */
export function timesBetter(row, other, { name, better }) {
  return better === 'lower' ? other[name] / row[name] : row[name] / other[name];
}

function summary(runs, figure) {
  const row = {};
  for (const name of new Set(runs.flatMap(run => Object.keys(run)))) {
    const values = runs.map(run => run[name]).filter(value => value !== undefined);
    if (name === 'peer' || name === 'case' || name === 'repeat' || values.length === 0) continue;
    if (typeof values[0] !== 'number') row[name] = values[0];
    else row[name] = WORST.includes(name) ? Math.max(...values) : median(values);
  }
  const figures = runs.map(run => run[figure.name]);
  return { ...row, lowest: Math.min(...figures), highest: Math.max(...figures) };
}
