import { percent, times } from './format.mjs';

const BUSY_CLIENT = 0.9;
const TOO_FEW_FLUSHES = 1.1;
const BETTER = ['ours better', row => (row.oursIsBetter === undefined ? undefined : times(row.oursIsBetter))];

/** The hardware line: no figure is worth printing without it. */
export function machineLine({ cpu, cores, node, system, ws }) {
  return `${cpu}, ${cores} cores · Node ${node} · ws ${ws} · ${system}`;
}

export function printMachine(machine) {
  const { loadBefore, pinned } = machine;
  console.log(`${machineLine(machine)} · load before ${loadBefore.toFixed(2)}`);
  if (pinned.server === undefined) warn('not pinned (no taskset, or one core): figures are of little use');
  else console.log(`server on core ${pinned.server}, client on core ${pinned.client}`);
  if (loadBefore > 0.5) warn('the machine is not idle: take the ratios, not the figures');
}

/** A table for each case of a shape, or as `tableOf` and `nameOf` of the shape say, and what makes its figures doubtful. */
export function printShape({ shape, repeats, peers }, rows) {
  console.log(`\n== ${shape.name}: ${shape.title}`);
  const { tableOf = row => row.case, nameOf = row => row.peer } = shape;
  const { label = shape.figure.name, digits = 0 } = shape.figure;
  const columns = [
    ['', nameOf],
    ...(peers.length > 1 ? [BETTER] : []),
    [label, row => number(row[shape.figure.name], digits)],
    ...(repeats > 1 ? [['(lowest–highest)', rangeOf(digits)]] : []),
    ...shape.columns,
  ];
  for (const name of new Set(rows.map(tableOf))) {
    console.log(`\n${name}${repeats > 1 ? `, medians of ${repeats}` : ''}`);
    const those = rows.filter(row => tableOf(row) === name);
    printTable(columns, those);
    for (const row of those) doubts(row);
  }
}

function rangeOf(digits) {
  return row => `${number(row.lowest, digits)}–${number(row.highest, digits)}`;
}

export function printVerdicts(verdicts, { gate }) {
  if (verdicts.length > 0) console.log('');
  for (const { name, met, ok, got, gate: bound } of verdicts) {
    const broken = gate && ok === false;
    const word = broken ? 'BROKEN' : met ? 'met   ' : 'missed';
    console.log(`${word}  ${name}: ${got}${broken && bound !== undefined ? ` (gate ${bound})` : ''}`);
  }
}

function printTable(columns, rows) {
  const cells = [
    columns.map(([title]) => title),
    ...rows.map(row => columns.map(([, cell]) => cell(row) ?? '-')),
  ];
  const widths = columns.map((_, i) => Math.max(...cells.map(line => line[i].length)));
  for (const line of cells) {
    console.log(
      `  ${line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')}`,
    );
  }
}

function doubts({ peer, clientShare, serverShare, failures, firstFailure, firstFault, turnsPerFlush }) {
  if (clientShare > BUSY_CLIENT) {
    warn(
      `${peer}: the client was ${percent(clientShare)} busy; latency and deliveries/s are its own, not the server's`,
    );
  } else if (clientShare > serverShare) {
    console.log(
      `  (${peer}: the client was the busier side. The server's cost is right; deliveries/s is not its limit)`,
    );
  }
  if (turnsPerFlush > TOO_FEW_FLUSHES) {
    console.log(`  (${peer}: a flush held ${turnsPerFlush.toFixed(1)} turns of the load)`);
  }
  if (firstFault !== undefined) warn(`${peer}: against the rules, first of all: ${firstFault}`);
  if (failures > 0) warn(`${peer}: ${failures} connections failed; the first: ${firstFailure}`);
}

function warn(text) {
  console.log(`! ${text}`);
}

function number(value, digits) {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
