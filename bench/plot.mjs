/** Colours of text and lines, by the ground that the chart stands on. The chart itself has no ground. */
export const INKS = { light: '#59636e', dark: '#9198a1' };
const COLOURS = {
  fanout: '#2f81f7',
  nest: '#d29922',
  'socket.io': '#a371f7',
  'ws-once': '#3fb950',
  'net-floor': '#8b949e',
};
const OTHERS = ['#f0883e', '#db61a2', '#39c5cf', '#b08800'];
const WIDTH = 720;
const NARROW_BAR = 16;
const WIDE_BAR = 34;
const GAP = 30; // between groups
const LETTER = 6; // a character of a label, nearly
const TOP = 64;
const LEFT = 76;
const HEIGHT = 240;
const LOG_FROM = 20; // a range wider than this is drawn on a logarithmic axis, or the small bars would not be seen

/**
 * A bar chart as SVG: a group of bars for each case, a bar for each peer.
 * @param {{ title: string, axis: string, figure: string, better: 'lower' | 'higher', footer: string }} text
 * @param {{ peer: string, case: string }[]} rows
 * @param {string} ink colour of text and lines, of `INKS`
 */
export function plot({ title, axis, figure, better, footer }, rows, ink) {
  const shown = rows.filter(row => row[figure] > 0);
  const peers = [...new Set(shown.map(row => row.peer))];
  const groups = [...new Set(shown.map(row => row.case))].map(name => shown.filter(row => row.case === name));
  const scale = scaleOf(shown.map(row => row[figure]));
  const room = WIDTH - LEFT - groups.length * GAP;
  const thick = Math.max(NARROW_BAR, Math.min(WIDE_BAR, Math.floor(room / shown.length)));
  let x = LEFT + GAP / 2;
  const bars = groups.flatMap(group => {
    const name = group[0].case;
    const space = Math.max(thick * group.length, name.length * LETTER);
    let at = x + (space - thick * group.length) / 2;
    const drawn = group.map(row => {
      const one = bar(
        { value: row[figure], peer: row.peer, fill: colour(peers, row.peer) },
        at,
        thick,
        scale,
      );
      at += thick;
      return one;
    });
    const label = groupName(name, x + space / 2);
    x += space + GAP;
    return [...drawn, label];
  });
  const width = Math.max(x, WIDTH);
  const kind = scale.log ? ', logarithmic' : '';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${TOP + HEIGHT + 100}" font-family="system-ui, sans-serif" font-size="11" fill="${ink}">`,
    text(LEFT, 20, escaped(title), 'font-size="14" font-weight="600"'),
    text(LEFT, 38, escaped(`${axis}${kind}; ${better} is better`)),
    ...scale.ticks.map(tick => gridLine(tick, scale, width, ink)),
    ...bars,
    ...legend(peers, TOP + HEIGHT + 58),
    text(LEFT, TOP + HEIGHT + 86, escaped(footer), 'font-size="10"'),
    '</svg>\n',
  ].join('\n');
}

function scaleOf(values) {
  const most = Math.max(...values);
  const least = Math.min(...values);
  if (most / least > LOG_FROM) {
    const from = Math.floor(Math.log10(least * 0.7)); // so that the smallest bar can be seen
    const to = Math.ceil(Math.log10(most));
    const ticks = Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i));
    return { log: true, ticks, height: value => ((Math.log10(value) - from) / (to - from)) * HEIGHT };
  }
  const step = niceStep(most / 5);
  const count = Math.floor(most / step) + 1; // with room for the number above the highest bar
  const ticks = Array.from({ length: count + 1 }, (_, i) => i * step);
  return { log: false, ticks, height: value => (value / (count * step)) * HEIGHT };
}

/** 1, 2 or 5 times a power of ten. */
function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].find(step => step * power >= rough) * power;
}

function bar({ value, peer, fill }, x, thick, scale) {
  const height = scale.height(value);
  const y = TOP + HEIGHT - height;
  return (
    `<g><title>${escaped(`${peer}: ${short(value)}`)}</title>` +
    `<rect x="${x + 1}" y="${y.toFixed(1)}" width="${thick - 2}" height="${height.toFixed(1)}" fill="${fill}"/>` +
    `<text transform="translate(${x + thick / 2 + 3} ${(y - 3).toFixed(1)}) rotate(-90)" font-size="9">${short(value)}</text></g>`
  );
}

function gridLine(tick, scale, width, ink) {
  const y = TOP + HEIGHT - scale.height(tick);
  return (
    `<line x1="${LEFT}" x2="${width - 8}" y1="${y}" y2="${y}" stroke="${ink}" stroke-opacity="0.3"/>` +
    text(LEFT - 6, y + 4, short(tick), 'text-anchor="end"')
  );
}

function groupName(name, x) {
  return text(x, TOP + HEIGHT + 18, escaped(name), 'text-anchor="middle"');
}

function legend(peers, y) {
  let x = LEFT;
  return peers.map(peer => {
    const entry = `<rect x="${x}" y="${y - 9}" width="10" height="10" fill="${colour(peers, peer)}"/>${text(x + 14, y, escaped(peer))}`;
    x += 30 + peer.length * LETTER;
    return entry;
  });
}

function colour(peers, peer) {
  const others = peers.filter(name => COLOURS[name] === undefined);
  return COLOURS[peer] ?? OTHERS[others.indexOf(peer) % OTHERS.length];
}

function text(x, y, content, attributes = '') {
  return `<text x="${x}" y="${y}" ${attributes}>${content}</text>`;
}

function short(value) {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}

function escaped(plain) {
  return plain.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
