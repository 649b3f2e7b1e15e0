import { describe, expect, it, onTestFinished } from 'vitest';
import { Client } from '../support/client.js';
import { slowLine } from '../support/slow-line.js';
import { Configuration } from '../support/proxies/configuration.js';
import { type Behind, startBehind } from '../support/proxies/market.js';
import type { Program } from '../support/proxies/program.js';
import { apache, caddy, haproxy, nginx } from '../support/proxies/programs.js';

/** Bytes a second that the client reads. */
const LINE = 100_000;

/** Bytes of a publication, and how many of them there are: forty times what the line takes meanwhile. */
const PUBLICATION = 20_000;
const PUBLICATIONS = 400;
const EVERY_MS = 5;

const PROGRAMS: [string, Program, Configuration][] = [
  ['nginx', nginx, Configuration.of('nginx', 'nginx')],
  ['HAProxy', haproxy, Configuration.of('HAProxy', 'haproxy')],
  ['Caddy', caddy, Configuration.of('Caddy', 'caddyfile')],
  ['Apache', apache, Configuration.of('Apache', 'apache')],
];

/** Most bytes that were under way to a client on a slow line, while too much was published for it. */
async function underWay(program: Program, configuration: Configuration, lag: number): Promise<number> {
  const behind = await startBehind(program, configuration, {
    slowConsumer: { lag, policy: 'gap' },
    shutdown: { drain: 200 },
  });
  const line = await slowLine(behind.proxy.url, LINE);
  // Caddy serves the host of its configuration only.
  const headers = { Host: new URL(behind.proxy.url).host };
  const client = await Client.connect(`${line}/market`, [], { headers });
  await client.subscribe('prices');
  let most = 0;
  await publish(behind, () => {
    const { socket } = behind.gateway.requests[0]!;
    const left = socket.bytesWritten - socket.writableLength;
    most = Math.max(
      most,
      left - (client.socket as unknown as { _socket: { bytesRead: number } })._socket.bytesRead,
    );
  });
  console.log(`${program.name}, slowConsumer.lag ${lag}: ${Math.round(most / 1000)} kB under way`);
  return most;
}

function publish({ broadcaster }: Behind, look: () => void): Promise<void> {
  let left = PUBLICATIONS;
  return new Promise(resolve => {
    const timer = setInterval(() => {
      look();
      broadcaster.publish('prices', '.'.repeat(PUBLICATION));
      if (--left === 0) resolve();
    }, EVERY_MS);
    onTestFinished(() => clearInterval(timer));
  });
}

describe('a client on a slow line', () => {
  it.each(PROGRAMS)('has little under way behind %s', async (_, program, configuration) => {
    expect(await underWay(program, configuration, 2000)).toBeLessThan(500_000);
  });

  it('has megabytes under way with `slowConsumer.lag: 0`', async () => {
    expect(await underWay(...(PROGRAMS[0]!.slice(1) as [Program, Configuration]), 0)).toBeGreaterThan(
      3_000_000,
    );
  });
});
