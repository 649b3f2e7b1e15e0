const COLUMNS = [
  ['', row => row.peer],
  ['µs CPU/delivery', row => row.usPerDelivery.toFixed(3)],
  ['(lowest–highest)', row => `${row.lowest.toFixed(2)}–${row.highest.toFixed(2)}`],
  ['vs once', row => `${row.timesCheaper.toFixed(row.timesCheaper < 10 ? 2 : 1)}×`],
  ['deliveries/s', row => thousands(row.deliveriesPerSecond)],
  ['p50 ms', row => row.p50.toFixed(1)],
  ['p99 ms', row => row.p99.toFixed(1)],
  ['server', row => percent(row.serverShare)],
  ['kernel', row => percent(row.kernelShare)],
  ['client', row => percent(row.clientShare)],
  ['lost', row => String(row.lost)],
  ['wrong', row => String(row.wrong)],
];
const BUSY_CLIENT = 0.9;
const TOO_MANY_A_FLUSH = 1.1;

/** The hardware line: no figure is worth printing without it. */
export function printMachine({ cpu, cores, node, system, ws, loadBefore, pinned }) {
  console.log(
    `${cpu}, ${cores} cores · Node ${node} · ws ${ws} · ${system} · load before ${loadBefore.toFixed(2)}`,
  );
  if (pinned.server === undefined) warn('not pinned (no taskset, or one core): figures are of little use');
  else console.log(`server on core ${pinned.server}, client on core ${pinned.client}`);
  if (loadBefore > 0.5) warn('the machine is not idle: take the ratios, not the figures');
}

export function printFanout({ rows }, { fanout, repeats, batched }) {
  const { connections, perTurn, intervalMs } = fanout;
  for (const k of perTurn) {
    const format = batched ? ', batched frames' : '';
    console.log(
      `\n${k} publication${k === 1 ? '' : 's'} a flush to ${thousands(connections)} sockets, a flush every ` +
        `${intervalMs} ms, medians of ${repeats}${format}`,
    );
    printTable(rows.filter(row => row.perTurn === k));
  }
  for (const row of rows) {
    const where = `${row.peer} at ${row.perTurn}`;
    warnOf(row, where);
    if (row.perFlush > row.perTurn * TOO_MANY_A_FLUSH) {
      warn(
        `${where}: its flushes held ${row.perFlush.toFixed(1)} publications, as turns came faster than it flushed`,
      );
    }
  }
}

function printTable(rows) {
  const cells = [COLUMNS.map(([title]) => title), ...rows.map(row => COLUMNS.map(([, cell]) => cell(row)))];
  const widths = COLUMNS.map((_, i) => Math.max(...cells.map(line => line[i].length)));
  for (const line of cells) {
    console.log(
      `  ${line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')}`,
    );
  }
}

export function printSoak(soak) {
  const { memory } = soak;
  console.log(`
soak: ${thousands(soak.connections)} connections, ${thousands(soak.publications)} publications in ${soak.seconds.toFixed(1)} s
  deliveries      ${thousands(soak.arrived)} of ${thousands(soak.deliveries)}, ${thousands(soak.deliveriesPerSecond)} a second
  lost / wrong    ${soak.lost} / ${soak.wrong}
  server CPU      ${soak.usPerDelivery.toFixed(3)} µs a delivery, ${percent(soak.serverShare)} busy (client ${percent(soak.clientShare)})
  a flush         ${soak.perFlush.toFixed(1)} publications on average
  latency         p50 ${soak.p50.toFixed(1)} ms, p99 ${soak.p99.toFixed(1)} ms, max ${soak.max.toFixed(1)} ms
  memory          resident ${change(memory.rss, memory.rssGrowth)}; heap ${change(memory.heapUsed, memory.heapGrowth)}
  left behind     ${soak.buffersInUse} buffers in use, ${soak.connectionsLeft} connections`);
  warnOf(soak, 'soak');
}

export function printVerdicts(verdicts) {
  console.log('');
  for (const { name, ok, got } of verdicts) console.log(`${ok ? 'ok    ' : 'BROKEN'}  ${name}: ${got}`);
}

function warnOf({ clientShare, failures, firstFailure }, where) {
  if (clientShare > BUSY_CLIENT) {
    warn(
      `${where}: the client was ${percent(clientShare)} busy; latency and deliveries/s are its own, not the server's`,
    );
  }
  if (failures > 0) warn(`${where}: ${failures} connections failed; the first: ${firstFailure}`);
}

function warn(text) {
  console.log(`! ${text}`);
}

function change(bytes, growth) {
  const mebi = value => `${(value / 2 ** 20).toFixed(1)} MiB`;
  if (bytes === undefined) return 'not sampled';
  if (growth === undefined) return `${mebi(bytes)} (too short to tell growth)`;
  return `${mebi(bytes)} (${growth < 0 ? '' : '+'}${mebi(growth)} since settled)`;
}

function percent(share) {
  return `${Math.round(share * 100)} %`;
}

function thousands(value) {
  return Math.round(value).toLocaleString('en-US');
}
