// Runs the benchmarks: `npm run bench -- --quick`. What the figures mean is in README.md.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isBrokenByChance, judge } from './gate.mjs';
import { HELP, readOptions } from './options.mjs';
import { whyNot } from './peers.mjs';
import { INKS, plot } from './plot.mjs';
import { stopAll } from './process/child.mjs';
import { machine, openFileLimit } from './process/machine.mjs';
import { repeatShape } from './repeat.mjs';
import { machineLine, printMachine, printShape, printVerdicts } from './report.mjs';
import { loadShapes } from './shapes.mjs';

const OTHER_FILES = 100; // of a process, beside its connections
const MORE_RUNS = 2; // of a shape that breaks a bound of the gate: a library that is slower breaks it each time
const BROKEN = 1;
const NOT_RUN = 2; // the benchmark could not be made: no verdict on the library

const fileAt = path => fileURLToPath(new URL(path, import.meta.url));
const started = new Date();

async function main() {
  const options = readOptions(process.argv.slice(2), await loadShapes());
  if (options.help) return console.log(HELP);
  await leaveOut(options.plans);
  checkBefore(options.plans);
  endWhateverHappens(options.limitMs);

  const hardware = machine();
  printMachine(hardware);
  const results = {};
  const verdicts = [];
  for (const plan of options.plans) {
    const result = await runShape(plan, hardware, options);
    results[plan.shape.name] = { size: plan.size, ...result };
    verdicts.push(...(result.verdicts ?? []));
  }

  const asked = { ...options, plans: undefined };
  writeJson(options.json ?? defaultFile(), { started, machine: hardware, options: asked, results });
  summarise(verdicts, options);
}

/** A shape that cannot be run does not take the others with it. */
async function runShape(plan, hardware, options) {
  try {
    for (let left = options.gate ? MORE_RUNS : 0; ; left--) {
      const { rows, runs } = await repeatShape(plan, { pinned: hardware.pinned, options, say });
      say('');
      printShape(plan, rows);
      const verdicts = judge(plan, rows);
      printVerdicts(verdicts, options);
      if (left > 0 && isBrokenByChance(verdicts)) continue;
      drawPlot(plan.shape, rows, hardware);
      return { verdicts, rows, runs };
    }
  } catch (error) {
    await stopAll();
    console.error(`bench: ${plan.shape.name}: ${error.message}`);
    process.exitCode = NOT_RUN;
    return { error: error.message };
  }
}

/** Peers that this machine cannot run. */
async function leaveOut(plans) {
  const said = new Set();
  for (const plan of plans) {
    const why = await Promise.all(plan.peers.map(whyNot));
    for (const [i, reason] of why.entries()) {
      if (reason !== undefined) said.add(`without ${plan.peers[i]}: ${reason}`);
    }
    plan.peers = plan.peers.filter((_, i) => why[i] === undefined);
  }
  for (const line of said) console.log(line);
}

function summarise(verdicts, { gate }) {
  const count = test => verdicts.filter(test).length;
  const broken = count(({ ok }) => ok === false);
  const kept = `${count(({ met }) => met)} of ${verdicts.length} targets met`;
  console.log(gate ? `${kept}, ${broken} bounds of the gate broken` : kept);
  if (gate && broken > 0) process.exitCode ??= BROKEN;
}

/** Progress goes to stderr: the tables on stdout can be piped. An empty line clears it on a terminal. */
function say(line) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
  else if (line !== '') process.stderr.write(`${line}\n`);
}

function checkBefore(plans) {
  if (!existsSync(fileAt('../dist/index.js'))) {
    throw new Error(
      'dist/ is missing, and the benchmark measures the built package: run npm run build first',
    );
  }
  const most = Math.max(...plans.flatMap(({ size }) => size.connections ?? 0));
  if (most + OTHER_FILES > openFileLimit()) {
    throw new Error(
      `${most} connections need ${most + OTHER_FILES} open files; the limit is ${openFileLimit()} (ulimit -n)`,
    );
  }
}

/** Nothing this run has started may outlive it, however it ends. */
function endWhateverHappens(limitMs) {
  const end = async (why, code) => {
    console.error(`\n${why}: stopping`);
    await stopAll();
    process.exit(code);
  };
  process.once('SIGINT', () => end('interrupted', 130));
  process.once('SIGTERM', () => end('terminated', 143));
  setTimeout(() => end(`not finished within ${limitMs / 60_000} minutes`, NOT_RUN), limitMs).unref();
}

function drawPlot({ name, title, figure, barOf }, all, hardware) {
  const rows = barOf === undefined ? all : all.map(barOf).filter(Boolean);
  if (rows.length === 0) return;
  const text = {
    title,
    axis: figure.label ?? figure.name,
    figure: figure.name,
    better: figure.better,
    footer: `${machineLine(hardware)} · ${started.toISOString().slice(0, 10)}`,
  };
  for (const [ground, ink] of Object.entries(INKS))
    write(fileAt(`results/${name}-${ground}.svg`), plot(text, rows, ink));
}

function defaultFile() {
  return fileAt(`results/${started.toISOString().replaceAll(':', '-').slice(0, 19)}.json`);
}

function writeJson(file, results) {
  write(file, `${JSON.stringify(results, null, 2)}\n`);
  console.log(`\nresults in ${file}, plots beside the other results in ${fileAt('results')}`);
}

function write(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = NOT_RUN;
} finally {
  await stopAll();
}
