import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { App } from './app.js';
import { GatewayClient } from './gateway-client.js';
import type { HttpClient } from './http.js';
import { rpcClient } from './neighbours.js';
import type { Report } from './report.js';
import { RawRequest } from './upgrade.js';

const BATCHES = ['fanout.v1.json'];

/** Milliseconds that a stream of publications is looked at. */
const STREAM_MS = 2000;

/** Handshake, messages, topics and publications of the gateways. */
export async function checkGateways(report: Report, app: App, ann: HttpClient, bob: HttpClient) {
  const market = app.url('/market', 'ws');

  await report.check('handshake: the JWT guard refuses and accepts', async () => {
    await assert.rejects(GatewayClient.connect(market), /401/);
    await assert.rejects(GatewayClient.connect(market, { token: 'nonsense' }), /401/);
    const header = await GatewayClient.connect(market, { token: ann.token });
    assert.equal((await header.request('me')).data.user, 'ann');
    const browser = await GatewayClient.connect(market, { protocols: [...BATCHES, `bearer.${ann.token}`] });
    assert.equal((await browser.request('me')).data.user, 'ann');
    await Promise.all([header.close(), browser.close()]);
  });
  await report.check('handshake: the global prefix does not apply to a gateway', async () => {
    await assert.rejects(GatewayClient.connect(app.url('/api/market', 'ws'), { token: ann.token }));
  });
  await report.check('handshake: a guard that takes 1.5 s beside Socket.IO', async () => {
    const client = await GatewayClient.connect(app.url('/slow', 'ws'));
    assert.equal((await client.request('echo', { text: 'late' })).data.text, 'late');
    await client.close();
  });
  await report.check('messages: the APP_GUARD refuses and accepts', async () => {
    const open = await GatewayClient.connect(app.url('/open', 'ws'));
    for (const answer of [
      await open.request('secret'),
      await open.request('subscribe', { topic: 'secrets' }),
    ]) {
      assert.equal(answer.event, 'error');
      assert.equal(answer.data.code, 'UNAUTHORIZED');
    }
    const annClient = await GatewayClient.connect(market, { token: ann.token });
    assert.equal((await annClient.request('trade')).data.code, 'FORBIDDEN');
    const bobClient = await GatewayClient.connect(market, { token: bob.token });
    assert.equal((await bobClient.request('trade')).data.traded, true);
    await Promise.all([open.close(), annClient.close(), bobClient.close()]);
  });
  await report.check('messages: the APP_INTERCEPTOR stamps replies', async () => {
    const client = await GatewayClient.connect(market, { token: ann.token });
    const reply = await client.request('echo', { text: 'hello' });
    assert.deepEqual(reply.data, { text: 'hello', stamp: 'ws' });
    await client.close();
  });
  await report.check('a gateway on the root path', async () => {
    const client = await GatewayClient.connect(app.url('/', 'ws'));
    assert.equal((await client.request('echo', { text: 'root' })).data.text, 'root');
    await client.close();
  });
  await report.check('a gateway on a port of its own', async () => {
    const client = await GatewayClient.connect(`ws://127.0.0.1:${app.ports.own}/own`);
    assert.equal((await client.request('echo', { text: 'own' })).data.text, 'own');
    await client.close();
  });
  await checkPublications(report, app, ann);
  await report.check('an upgrade that nobody serves is answered', async () => {
    const request = RawRequest.upgrade(app.ports.http, '/nope');
    assert.match(await request.answered, /^HTTP\/1\.1 404 /);
    request.destroy();
  });
}

async function checkPublications(report: Report, app: App, ann: HttpClient): Promise<void> {
  const market = app.url('/market', 'ws');
  const sources: Record<string, (symbol: string) => Promise<unknown>> = {
    'an HTTP controller': symbol => ann.post(`/api/prices/${symbol}`, { price: 1 }),
    '@Publish behind a controller': symbol => ann.post(`/api/prices/${symbol}/touch`, {}),
    'a resolver': symbol => ann.graphql(`mutation { setPrice(symbol: "${symbol}", price: 1) }`),
    'a microservice': async symbol => {
      const rpc = rpcClient(app);
      await rpc.call('prices.set', { token: ann.token, symbol, price: 1 }).finally(() => rpc.close());
    },
  };
  for (const [name, publish] of Object.entries(sources))
    await report.check(`publications of ${name} arrive`, async () => {
      const plain = await GatewayClient.connect(market, { token: ann.token });
      const batched = await GatewayClient.connect(market, { token: ann.token, protocols: BATCHES });
      const symbol = name.replaceAll(/[^a-zA-Z]/g, '');
      const clients = [plain, batched];
      for (const client of clients) await client.subscribe(`prices.${symbol}`);
      await publish(symbol);
      for (const client of clients) {
        const { data } = await client.next('publication', frame => frame.topic === `prices.${symbol}`);
        assert.equal(data.symbol, symbol);
        await client.close();
      }
    });
  await report.check('publications that were missed are recovered', async () => {
    const first = await GatewayClient.connect(market, { token: ann.token });
    const { position } = await first.subscribe('prices.GONE');
    await first.close();
    // The server hears of the end later than the client.
    while ((await ann.get('/api/prices/GONE/subscribers')).body.subscribers > 0) await delay(10);
    await ann.post('/api/prices/GONE', { price: 5 });
    const second = await GatewayClient.connect(market, { token: ann.token });
    const answer = await second.subscribe('prices.GONE', position);
    assert.equal(answer.recovered, true);
    const { data } = await second.next('publication', frame => frame.topic === 'prices.GONE');
    assert.equal(data.price, 5);
    await second.close();
  });
  await report.check(`publications come without a gap for ${STREAM_MS / 1000} s of traffic`, async () => {
    const clients = await Promise.all([
      GatewayClient.connect(market, { token: ann.token }),
      GatewayClient.connect(market, { token: ann.token, protocols: BATCHES }),
    ]);
    for (const client of clients) await client.subscribe('ticks');
    await trafficFor(STREAM_MS, app, ann);
    for (const client of clients) {
      const offsets = client.publications('ticks').map(({ offset }) => offset);
      const expected = offsets.map((_, index) => offsets[0]! + index);
      assert.ok(offsets.length > STREAM_MS / 50, `only ${offsets.length} publications`);
      assert.deepEqual(offsets, expected);
      assert.deepEqual(
        client.frames.filter(({ event }) => event === 'gap'),
        [],
      );
      await client.close();
    }
  });
}

/** Uses every other door of the application meanwhile. */
async function trafficFor(ms: number, app: App, ann: HttpClient): Promise<void> {
  const rpc = rpcClient(app);
  const end = performance.now() + ms;
  while (performance.now() < end) {
    await Promise.all([
      ann.get('/api/me'),
      ann.graphql('mutation { setPrice(symbol: "BUSY", price: 2) }'),
      rpc.call('prices.set', { token: ann.token, symbol: 'BUSY', price: 3 }),
      delay(10),
    ]);
  }
  await rpc.close();
}
