// Runs the benchmarks: `npm run bench -- --quick`. What the figures mean is in README.md.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { judge } from './gate.mjs';
import { HELP, readOptions } from './options.mjs';
import { stopAll } from './process/child.mjs';
import { machine, openFileLimit } from './process/machine.mjs';
import { printFanout, printMachine, printSoak, printVerdicts } from './report.mjs';
import { fanoutShape } from './shapes/fanout.mjs';
import { soakShape } from './shapes/soak.mjs';

const OTHER_FILES = 100; // of a process, beside its connections
const BROKEN = 1;
const NOT_RUN = 2; // the benchmark could not be made: no verdict on the library

const fileAt = path => fileURLToPath(new URL(path, import.meta.url));
const started = new Date();

async function main() {
  const options = readOptions(process.argv.slice(2));
  if (options.help) return console.log(HELP);
  checkBefore(options);
  endWhateverHappens(options.limitMs);

  const hardware = machine();
  printMachine(hardware);
  const results = {};
  for (const shape of options.shapes) {
    results[shape] = await { fanout: fanoutShape, soak: soakShape }[shape](options, hardware, say);
    say('');
    ({ fanout: printFanout, soak: printSoak })[shape](results[shape], options);
  }

  const verdicts = judge(results);
  printVerdicts(verdicts);
  writeJson(options.json ?? defaultFile(), { started, machine: hardware, options, verdicts, ...results });
  if (options.gate && verdicts.some(verdict => !verdict.ok)) process.exitCode = BROKEN;
}

/** Progress goes to stderr: the tables on stdout can be piped. An empty line clears it on a terminal. */
function say(line) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
  else if (line !== '') process.stderr.write(`${line}\n`);
}

function checkBefore({ shapes, fanout, soak }) {
  if (!existsSync(fileAt('../dist/index.js'))) {
    throw new Error(
      'dist/ is missing, and the benchmark measures the built package: run npm run build first',
    );
  }
  const most = Math.max(...shapes.map(shape => ({ fanout, soak })[shape].connections));
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

function defaultFile() {
  return fileAt(`results/${started.toISOString().replaceAll(':', '-').slice(0, 19)}.json`);
}

function writeJson(file, results) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  console.log(`\nresults in ${file}`);
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = NOT_RUN;
} finally {
  await stopAll();
}
