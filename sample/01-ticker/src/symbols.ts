// The first three letters of star names: real tickers would only suggest that the prices are real too.
const STEMS =
  'ALT DEN VEG RIG SIR POL CAS MIR ATR HAD ARC CAP PRO ACH BET ANT ALD REG FOM ELN MIZ ALC NUN SAI WEZ ADH KOC LYR';
const LAST_LETTERS = 'ANOSRILEMTKUYDXPVB';

/** The same names in the same order on every run. */
export function symbolNames(count: number): string[] {
  const stems = STEMS.split(' ');
  const all = [...LAST_LETTERS].flatMap(letter => stems.map(stem => stem + letter));
  return all.slice(0, count);
}
