import { times } from './format.mjs';
import { timesBetter } from './repeat.mjs';

/**
 * A target of a shape against what was measured.
 *
 * @typedef {object} Verdict
 * @property {string} name
 * @property {string} got
 * @property {boolean} met the target, which is what we want
 * @property {boolean} [ok] the bound of `--gate`, generous on purpose: a gate that fails by chance is soon switched off. Undefined: not gated
 * @property {boolean} [timed] it is about time, which other users of the machine take from
 */

const NEVER = ['lost', 'wrong', 'failures'];
const EXACT = 0.001;

/** @returns {Verdict[]} for every target whose case was run, with the peer it is against */
export function judge({ shape, peers }, rows) {
  const at = (peer, name) => rows.find(row => row.peer === peer && row.case === name);
  const ours = rows.filter(row => row.peer === peers[0]);
  return [
    ...ours.filter(row => row.lost !== undefined).map(nothingLost),
    ...(shape.targets ?? []).flatMap(target =>
      ours
        .filter(row =>
          target.case instanceof RegExp ? target.case.test(row.case) : target.case === row.case,
        )
        .map(row => verdict(target, row, at, shape.figure))
        .filter(Boolean),
    ),
  ];
}

function nothingLost(row) {
  const broken = NEVER.filter(name => row[name] > 0);
  const ok = broken.length === 0;
  return {
    name: `${row.case}: nothing lost, out of order or cut off`,
    got: ok ? 'nothing' : broken.map(name => `${row[name]} ${name}`).join(', '),
    met: ok,
    ok,
  };
}

function verdict(target, row, at, figure) {
  const measured = measure(target, row, at, figure);
  // A run may be too short for a figure, as the quick soak is for the growth of memory.
  if (measured === undefined || !Number.isFinite(measured.value)) return undefined;
  const { value, what, shown } = measured;
  const [kind, bound] = limit(target);
  return {
    name: `${row.case}: ${what} ${kind} ${shown(bound)}`,
    got: shown(value),
    met: holds(kind, value, bound),
    ok: target.gate === undefined ? undefined : holds(kind, value, target.gate),
    gate: target.gate,
    timed: target.exactly === undefined,
  };
}

/** Whether a bound is broken that another run may keep: on a shared machine, chance breaks one of sixty now and then. */
export function isBrokenByChance(verdicts) {
  const broken = verdicts.filter(({ ok }) => ok === false);
  return broken.length > 0 && broken.every(({ timed }) => timed);
}

/** The number that a target is about. Undefined when the other side of a comparison was not run. */
function measure(target, row, at, figure) {
  if (target.against === undefined) {
    return { value: target.value(row, at), what: target.name, shown: plain };
  }
  const other = at(target.against, row.case);
  if (other === undefined) return undefined;
  const better = timesBetter(row, other, target.figure ?? figure);
  const of = target.name === undefined ? '' : `${target.name}, `;
  return target.atMost === undefined
    ? { value: better, what: `${of}times better than ${target.against}`, shown: times }
    : { value: 1 / better, what: `${of}cost against ${target.against}`, shown: times };
}

function limit({ ratio, atLeast, atMost, exactly }) {
  if (exactly !== undefined) return ['exactly', exactly];
  return atMost === undefined ? ['at least', ratio ?? atLeast] : ['at most', atMost];
}

function holds(kind, value, bound) {
  if (kind === 'exactly') return Math.abs(value - bound) < EXACT;
  return kind === 'at most' ? value <= bound : value >= bound;
}

function plain(value) {
  return Number(value.toPrecision(3)).toLocaleString('en-US');
}
