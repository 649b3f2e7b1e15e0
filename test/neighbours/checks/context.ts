import assert from 'node:assert/strict';
import type { App } from './app.js';
import { GatewayClient } from './gateway-client.js';
import type { HttpClient } from './http.js';
import { rpcClient } from './neighbours.js';
import type { Report } from './report.js';

/** Contexts of nestjs-cls: one for each request and message, never that of another. */
export async function checkContexts(report: Report, app: App, ann: HttpClient): Promise<void> {
  await report.check('CLS: each request and each message has an id of its own', async () => {
    const market = app.url('/market', 'ws');
    const clients = await Promise.all([1, 2].map(() => GatewayClient.connect(market, { token: ann.token })));
    const ids: string[] = [];
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const answers = [
          (await ann.get('/api/me')).body.cls,
          (await clients[index % 2]!.request('me')).data.cls,
        ];
        for (const [before, after] of answers) {
          assert.equal(typeof before, 'string');
          assert.equal(after, before);
          ids.push(before);
        }
        ids.push((await ann.graphql('{ me { cls } }')).me.cls);
      }),
    );
    assert.equal(ids.length, 60);
    assert.equal(new Set(ids).size, ids.length);
    await Promise.all(clients.map(client => client.close()));
  });
  await report.check('CLS: a context that a handler enters ends with its message', async () => {
    const open = app.url('/open', 'ws');
    const [first, second] = [await GatewayClient.connect(open), await GatewayClient.connect(open)];
    assert.equal((await first.request('entered')).data.found, null);
    assert.equal((await first.request('entered')).data.found, null);
    assert.equal((await first.request('outside')).data.cls, null);
    assert.equal((await second.request('outside')).data.cls, null);
    await Promise.all([first.close(), second.close()]);
  });
  await report.check('CLS: messages that wait behind one that entered a context', async () => {
    const client = await GatewayClient.connect(app.url('/open', 'ws'));
    const answers = await Promise.all(
      ['entered', 'outside', 'entered', 'outside'].map(event => client.request(event)),
    );
    const [first, outside, second, again] = answers.map(({ data }) => data);
    assert.deepEqual([first.found, outside.cls, second.found, again.cls], [null, null, null, null]);
    await client.close();
  });
  await report.check(
    'CLS: a context that handleConnection enters is not seen by other connections',
    async () => {
      const own = `ws://127.0.0.1:${app.ports.own}/own`;
      const clients = [await GatewayClient.connect(own), await GatewayClient.connect(own)];
      const ids: (string | null)[] = [];
      for (const client of clients) ids.push((await client.request('outside')).data.cls);
      assert.ok(ids[0] === null || ids[0] !== ids[1], `both saw ${ids[0]}`);
      assert.equal(ids[0] === null, ids[1] === null);
      await Promise.all(clients.map(client => client.close()));
    },
  );
  await report.check('CLS: handleDisconnect does not see the request that disconnects', async () => {
    const client = await GatewayClient.connect(app.url('/open', 'ws'));
    const { id } = (await client.request('connection')).data;
    assert.equal((await ann.delete(`/api/connections/${id}`)).status, 200);
    await client.closed;
    const { contexts } = (await ann.get('/api/connections/contexts')).body;
    assert.ok(contexts.length > 0);
    assert.deepEqual(new Set(contexts), new Set([null]));
  });
  await report.check('CLS: the microservice sees the context of nobody', async () => {
    const rpc = rpcClient(app);
    try {
      assert.equal((await rpc.call('cls', { token: ann.token })).cls, null);
    } finally {
      await rpc.close();
    }
  });
}
