import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { App } from './app.js';
import { type Closed, GatewayClient } from './gateway-client.js';
import { HttpClient } from './http.js';
import { echoClient, graphqlClient, rpcClient, socketIoClient } from './neighbours.js';
import type { Report } from './report.js';
import { RawRequest } from './upgrade.js';
import { within } from './within.js';

/** Milliseconds that the application may take to close, and its process to end after that. */
const CLOSE_MS = 1000;

/** Clients of every kind, connected and quiet when the application closes. */
interface Everybody {
  readonly gateways: Readonly<Record<string, GatewayClient>>;
  /** Settles when the clients of all neighbours have seen the end. */
  readonly neighboursGone: Promise<unknown>;
  /** An upgrade that nobody serves and nobody has answered. */
  readonly unserved: RawRequest;
}

async function connectEverybody(app: App, ann: HttpClient): Promise<Everybody> {
  const { token } = ann;
  const market = app.url('/market', 'ws');
  const gateways = {
    market: await GatewayClient.connect(market, { token }),
    batches: await GatewayClient.connect(market, { token, protocols: ['fanout.v1.json'] }),
    open: await GatewayClient.connect(app.url('/open', 'ws')),
    slow: await GatewayClient.connect(app.url('/slow', 'ws')),
    root: await GatewayClient.connect(app.url('/', 'ws')),
    own: await GatewayClient.connect(`ws://127.0.0.1:${app.ports.own}/own`),
  };
  await gateways.market.subscribe('ticks');
  await gateways.batches.subscribe('ticks');
  await gateways.open.subscribe('farewells');
  const graphql = graphqlClient(app, ann);
  const graphqlClosed = new Promise(resolve => graphql.on('closed', resolve));
  await new Promise<void>(resolve => graphql.on('connected', () => resolve()));
  graphql.subscribe(
    { query: 'subscription { quoted { symbol } }' },
    { next: () => {}, error: () => {}, complete: () => {} },
  );
  const socketIo = socketIoClient(app, ['websocket']);
  await once(socketIo as any, 'connect');
  const echo = await echoClient(app);
  const polling = socketIoClient(app, ['polling']);
  await once(polling as any, 'connect');
  const rpc = rpcClient(app);
  await rpc.call('cls', { token });
  const unserved = RawRequest.upgrade(app.ports.http, '/nope');
  return {
    gateways,
    unserved,
    neighboursGone: Promise.all([
      graphqlClosed,
      once(echo, 'close'),
      once(socketIo as any, 'disconnect'),
      once(polling as any, 'disconnect'),
    ]),
  };
}

/** `app.close()` with clients of every kind. */
export async function checkClose(report: Report, app: App, ann: HttpClient): Promise<void> {
  const everybody = await connectEverybody(app, ann);
  const { gateways } = everybody;

  await report.check(`closing: app.close() takes less than ${CLOSE_MS} ms`, async () => {
    const ms = await app.close();
    assert.ok(ms < CLOSE_MS, `it took ${Math.round(ms)} ms`);
  });
  await report.check('closing: the process ends by itself', async () => {
    assert.deepEqual(await within(CLOSE_MS, 'end of the process', app.exited), { code: 0, signal: null });
  });
  await checkGoodbyes(report, 'closing', gateways);
  await report.check('closing: publications of onModuleDestroy arrive before the end', async () => {
    for (const client of [gateways.market!, gateways.batches!])
      assert.equal(client.publications('ticks').at(-1)?.data, 'last');
    assert.equal(gateways.open!.publications('farewells')[0]?.data, 'onModuleDestroy');
  });
  await report.check('closing: nothing is missing until the last publication', async () => {
    for (const client of [gateways.market!, gateways.batches!]) {
      const offsets = client.publications('ticks').map(({ offset }) => offset);
      assert.deepEqual(
        offsets,
        offsets.map((_, index) => offsets[0]! + index),
      );
    }
  });
  await report.check('closing: the clients of the neighbours see the end', () =>
    within(CLOSE_MS, 'end of all', everybody.neighboursGone),
  );
  await report.check('closing: an upgrade that nobody has answered ends', () =>
    within(CLOSE_MS, 'end', everybody.unserved.ended),
  );
  await report.check('closing: no line of the log is an error', async () => {
    assert.doesNotMatch(app.output, / ERROR |Error:/);
  });
}

/** A signal, with `enableShutdownHooks()`. */
export async function checkSignal(report: Report, app: App): Promise<void> {
  const { gateways } = await connectEverybody(app, await HttpClient.login(app, 'ann'));
  await report.check(`SIGTERM: the process ends within ${CLOSE_MS} ms`, async () => {
    app.process.kill('SIGTERM');
    const { signal } = await within(CLOSE_MS, 'end of the process', app.exited);
    assert.equal(signal, 'SIGTERM');
  });
  await checkGoodbyes(report, 'SIGTERM', gateways);
}

async function checkGoodbyes(report: Report, when: string, gateways: Everybody['gateways']): Promise<void> {
  await report.check(`${when}: every client of a gateway is closed with 1012`, async () => {
    const closed: Record<string, Closed> = {};
    for (const [name, client] of Object.entries(gateways))
      closed[name] = await within(CLOSE_MS, `close of ${name}`, client.closed);
    const wrong = Object.entries(closed).filter(
      ([, { code, reason }]) => code !== 1012 || !/retry-after=\d+$/.test(reason),
    );
    assert.deepEqual(wrong, []);
  });
}
