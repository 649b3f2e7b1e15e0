export function percent(share, digits = 0) {
  return `${(share * 100).toFixed(digits)} %`;
}

export function thousands(value) {
  return Math.round(value).toLocaleString('en-US');
}

export function kilobytes(bytes) {
  return `${(bytes / 1000).toFixed(1)} kB`;
}

/** A ratio to three digits that matter. */
export function times(ratio) {
  const digits = ratio < 10 ? 2 : ratio < 100 ? 1 : 0;
  return `${ratio.toFixed(digits)}×`;
}
