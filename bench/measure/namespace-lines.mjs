import { fileURLToPath } from 'node:url';
import { Network, RELAY, whyNoNamespaces } from '../lines/network.mjs';
import { pathOf } from '../lines/topics.mjs';
import { Child } from '../process/child.mjs';

const relayScript = fileURLToPath(new URL('../lines/relay.mjs', import.meta.url));
const DELAY_MS = 40; // one way
const LOSSES = { direct: 0, 'direct, 1 % lost': 0.01 }; // share of the packets, each way
const whyNot = whyNoNamespaces();

/**
 * Lines of the kernel, without a proxy: server and client are in network namespaces, and between them there is a link for
 * each line with the rate, the delay and the loss of packets.
 */
export const namespaceLines = {
  ways: whyNot === undefined ? Object.keys(LOSSES) : [],
  changesRates: false,
  left: whyNot,

  /**
   * @param {{ way: string, kbits: number }[]} lines
   * @param {{ pinned: { client?: number } }} context
   */
  async begin(lines, { pinned }) {
    const network = new Network(lines.map(({ kbits }) => kbits));
    const relay = new Child(relayScript, { cpu: pinned.client, namespace: network.relay });
    await relay.call('start', {
      ...RELAY,
      delayMs: DELAY_MS,
      losses: lines.map(({ way }) => LOSSES[way]),
    });
    return {
      server: { namespace: network.server, host: '0.0.0.0' },
      client: { namespace: network.client },
      urls: port => lines.map((_, i) => `ws://${network.serverAddress(i)}:${port}${pathOf(i)}`),
      changeRates: () => {},
      async end() {
        await relay.stop();
        network.remove();
      },
    };
  },
};
