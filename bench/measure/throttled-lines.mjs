import { fileURLToPath } from 'node:url';
import { NGINX } from '../lines/nginx.mjs';
import { pathOf } from '../lines/topics.mjs';
import { Child } from '../process/child.mjs';

const scripts = name => fileURLToPath(new URL(`../${name}.mjs`, import.meta.url));
const DELAY_MS = 40; // one way
const BUFFERS = { 'own proxy': 4 * 2 ** 20, nginx: 16 * 2 ** 10 }; // bytes, before the throttle and again behind it

/**
 * Lines that need no privileges: a process that passes bytes on at a rate. In one way to the client it is the proxy too,
 * and buffers megabytes as proxies and kernels do. In the other it stands behind nginx and buffers little.
 */
export const throttledLines = {
  ways: NGINX === undefined ? ['own proxy'] : ['own proxy', 'nginx'],
  changesRates: true,
  left: NGINX === undefined ? 'without nginx: it is not installed' : undefined,

  /**
   * @param {{ way: string, kbits: number, laterKbits?: number }[]} lines
   * @param {{ pinned: { client?: number } }} context
   */
  begin(lines, { pinned }) {
    const children = [];
    const start = script => {
      const child = new Child(scripts(script), { cpu: pinned.client });
      children.push(child);
      return child;
    };
    return {
      server: {},
      client: {},
      urls: port => open(lines, port, start),
      changeRates: () => children.at(-1).call('changeRates'),
      end: () => Promise.all(children.map(child => child.stop())),
    };
  },
};

/** @returns {Promise<string[]>} where the client of each line connects */
async function open(lines, port, start) {
  const targets = { 'own proxy': port };
  if (lines.some(({ way }) => way === 'nginx')) {
    targets.nginx = await start('lines/nginx-process').call('start', { target: port });
  }
  const throttles = start('lines/throttles');
  const urls = [];
  for (const [i, { way, kbits, laterKbits }] of lines.entries()) {
    const line = {
      bytesPerSecond: kbits * 125,
      laterBytesPerSecond: laterKbits && laterKbits * 125,
      delayMs: DELAY_MS,
      bufferBytes: BUFFERS[way],
    };
    const begin = await throttles.call('open', { target: targets[way], ...line });
    urls.push(`ws://127.0.0.1:${begin}${pathOf(i)}`);
  }
  return urls;
}
