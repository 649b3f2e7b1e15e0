const price = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const change = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, signDisplay: 'exceptZero' });
const count = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

export const formatPrice = value => price.format(value);
export const formatChange = value => `${change.format(value)}%`;
export const formatCount = value => count.format(value);
export const formatKibibytes = bytes => `${count.format(bytes / 1024)} KiB`;

export function formatTime(at, withSeconds) {
  return new Date(at).toTimeString().slice(0, withSeconds ? 8 : 5);
}

/** The class of a number that went up or down. */
export function toneOf(value) {
  if (value === 0) return '';
  return value > 0 ? 'up' : 'down';
}
