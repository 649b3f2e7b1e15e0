// The client process of those who attack: each in one way, all the time, until they are told to stop.
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { nowUs } from '../message.mjs';
import { answer, usage } from '../process/answer.mjs';
import { Attacker } from './attacker.mjs';
import { ATTACKS } from './attacks.mjs';
import { loopback } from './loopback.mjs';

const LOOK_MS = 50;
const PHASES = 10; // of a look: attackers are no army that moves in step
const REST_MS = 3000; // in which those who were ended learn of it
const BEHIND_OTHERS = 15; // a nice value
const BLOCK = 200; // of addresses

const kinds = Object.keys(ATTACKS);
const tallies = Object.fromEntries(
  kinds.map(kind => [kind, { attackers: 0, opened: 0, refused: 0, ended: 0 }]),
);
const attackers = [];
let looking;

// What the healthy clients read must not be late because of those who attack: only the server may make it so.
setPriority(BEHIND_OTHERS);
answer({ attack, stop, usage: () => usage(nowUs) });

/** As many of each kind, as evenly as it goes, one after the other: all in one moment would be one long turn of the server's. */
function attack({ port, count, withinMs }) {
  for (let i = 0; i < count; i++) {
    const kind = kinds[i % kinds.length];
    tallies[kind].attackers++;
    const attacker = new Attacker(kind, { port, localAddress: loopback(BLOCK, i) }, tallies[kind]);
    attackers.push(attacker);
    setTimeout(() => attacker.come(), (i / count) * withinMs);
  }
  let phase = 0;
  looking = setInterval(() => {
    for (let i = phase; i < attackers.length; i += PHASES) attackers[i].look();
    phase = (phase + 1) % PHASES;
  }, LOOK_MS / PHASES);
}

/** What has become of each kind. */
async function stop() {
  clearInterval(looking);
  for (const attacker of attackers) attacker.rest();
  await sleep(REST_MS);
  for (const attacker of attackers) attacker.leave();
  return tallies;
}
