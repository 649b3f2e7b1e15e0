/**
 * The second process: `node clients.js <url> <number of clients>`, started by crowd.ts.
 * It ends when its parent does.
 */
import type { CrowdReport } from './crowd.js';
import { SimulatedClient, type Tally } from './simulated-client.js';

/** New connections per TURN_MS: 1,000 a second, so that 10,000 do not knock all at once. */
const OPENED_A_TURN = 20;
const TURN_MS = 20;

const [url, number] = process.argv.slice(2) as [string, string];
const tally: Tally = { connections: 0, received: 0, lost: 0 };
const opening = setInterval(openSome, TURN_MS);
let opened = 0;
let reportedAt = performance.now();
let reportedReceived = 0;

setInterval(report, 1000);
process.on('disconnect', () => process.exit());
// Ctrl-C goes to every process of the terminal. The parent decides when we go: it closes the channel.
process.on('SIGINT', () => {});

function openSome(): void {
  for (let i = 0; i < OPENED_A_TURN && opened < Number(number); i++) {
    new SimulatedClient(url, tally).connect();
    opened++;
  }
  if (opened === Number(number)) clearInterval(opening);
}

function report(): void {
  const now = performance.now();
  const received = Math.round(((tally.received - reportedReceived) * 1000) / (now - reportedAt));
  reportedAt = now;
  reportedReceived = tally.received;
  const { connections, lost, problem } = tally;
  const crowdReport: CrowdReport = { connections, received, lost, problem };
  // The parent may be gone before we are told so; that must not end us with an error.
  process.send?.(crowdReport, undefined, undefined, () => {});
}
