// Draws the plot of the README from figures that are kept beside it: `node bench/picture.mjs`. After a new measurement, copy
// `text` and `rows` for docs/images/fanout.json from the results, and correct the table in docs/performance.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { INKS, plot } from './plot.mjs';

const at = name => fileURLToPath(new URL(`../docs/images/${name}`, import.meta.url));
const { text, rows } = JSON.parse(readFileSync(at('fanout.json'), 'utf8'));

for (const [ground, ink] of Object.entries(INKS))
  writeFileSync(at(`fanout-${ground}.svg`), plot(text, rows, ink));
