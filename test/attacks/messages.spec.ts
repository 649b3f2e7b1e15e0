import { type ExecutionContext, UseGuards } from '@nestjs/common';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, type FanoutOptions, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { maskedText, RawClient } from '../support/raw-client.js';
import { Client } from '../support/client.js';
import { startFanout } from '../support/attacks/servers.js';

/** Names that an object has without being given them, and events that Node acts upon. */
const TREACHEROUS = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  '__defineGetter__',
  'error',
  'close',
  'message',
  'open',
  'ping',
  'newListener',
  '',
];

/** Every type of JSON, with numbers that are no index and strings that are no name. */
const JSON_VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  2 ** 53,
  1e308,
  '',
  'x',
  '0',
  '\u0000',
  '\ud800',
  'x'.repeat(20_000),
  [],
  [[]],
  ['news'],
  {},
  { toString: 'x' },
  { length: 5 },
];

@WebSocketGateway()
class Gateway {
  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown): unknown {
    return data;
  }

  @Topic('news', { history: 10 })
  news(): void {}

  @Topic('rooms.:room')
  @UseGuards({
    canActivate: (context: ExecutionContext) =>
      context.switchToWs().getData<{ topic: unknown }>().topic !== 'rooms.secret',
  })
  room(): void {}

  @Topic('prices', { conflate: true })
  prices(): void {}
}

async function connect(options: FanoutOptions = {}) {
  const unlimited = { messagesPerSecond: 0, subscribesPerSecond: 0, rejections: 0, ...options.limits };
  const { url, get } = await startFanout({
    providers: [Gateway],
    options: { ...options, limits: unlimited },
  });
  return { url, client: await Client.connect(url), broadcaster: get(Broadcaster) };
}

/** The frames that answer the messages, in turn; fails when one is not answered, or twice. */
async function answers(client: Client, messages: readonly unknown[]): Promise<any[]> {
  const before = client.frames.length;
  for (const message of messages) client.send(message);
  client.send({ event: 'ping', id: 'end' });
  await client.next(frame => frame.id === 'end');
  const frames = client.frames.splice(before).slice(0, -1);
  expect(frames).toHaveLength(messages.length);
  return frames;
}

describe('A3, A21 names that objects and emitters have already', () => {
  it('are events that nobody handles', async () => {
    const { client } = await connect();
    for (const event of TREACHEROUS.filter(name => name !== 'ping')) {
      const [answer] = await answers(client, [JSON.stringify({ event, data: { code: 1 } })]);
      expect(answer, event).toMatchObject({ event: 'error', data: { code: 'UNKNOWN_EVENT' } });
    }
  });

  it('are no topics, and parameters of topics like any other', async () => {
    const { client, broadcaster } = await connect();
    for (const name of TREACHEROUS) {
      const code = name === '' ? 'BAD_TOPIC' : 'UNKNOWN_TOPIC';
      expect((await client.subscribe(name)).data.code, name).toBe(code);
      if (name === '') continue;
      expect((await client.subscribe(`rooms.${name}`)).event, name).toBe('subscribed');
      expect(broadcaster.publish(`rooms.${name}`, name)).toBe(1);
      await client.until(() => client.publications(`rooms.${name}`).length === 1);
    }
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe('A24 an envelope of every type of JSON', () => {
  it('is answered by one error frame where it is no message', async () => {
    const { client } = await connect();
    for (const value of JSON_VALUES) {
      const envelopes = [JSON.stringify(value), { event: value }, { event: ['echo'], data: value }];
      for (const answer of await answers(client, envelopes)) {
        expect(answer).toMatchObject({
          event: 'error',
          data: { code: expect.stringMatching(/^(BAD_MESSAGE|UNKNOWN_EVENT)$/) },
        });
        expect(JSON.stringify(answer).length).toBeLessThanOrEqual(512);
      }
    }
  });
});

describe('A23 ids, topics, positions and rates of every type of JSON', () => {
  it('are used where they are in range, and refused else', async () => {
    const { client } = await connect();
    for (const value of JSON_VALUES) {
      const isId = value === null || Number.isSafeInteger(value) || typeof value === 'string';
      const [echoed] = await answers(client, [{ event: 'echo', id: value, data: 1 }]);
      if (isId && String(value).length <= 64) expect(echoed).toEqual(value === null ? 1 : expect.anything());
      else expect(echoed.data.code).toBe('BAD_MESSAGE');

      const requests = [{ topic: value }, { topics: value }, { topic: ['news'], topics: value }];
      const refused = [...requests, value].filter(data => !isValid(data));
      for (const answer of await answers(
        client,
        refused.map(data => ({ event: 'subscribe', data })),
      )) {
        expect(answer).toMatchObject({
          event: 'error',
          data: { code: expect.stringMatching(/^(BAD|UNKNOWN)_TOPIC$/) },
        });
      }
      const rate = { event: 'subscribe', data: { topic: 'prices', maxRate: value } };
      const [rated] = await answers(client, [rate]);
      const isRate = typeof value === 'number' && value >= 1 / 60;
      if (isRate) expect([1, 100]).toContain(rated.data.maxRate);
      else expect(rated.data.code).toBe('BAD_RATE');
    }
  });

  /** Whether a subscribe with this data is a good one. */
  function isValid(data: unknown): boolean {
    return JSON.stringify(data) === '{"topics":["news"]}';
  }
});

describe('A18 positions that were never given out', () => {
  it('are answered with recovered: false, shortly, and bring nothing', async () => {
    const { client, broadcaster } = await connect();
    broadcaster.publish('news', 'old');
    await broadcaster.flush();
    const epoch = (await broadcaster.position('news')).split(':')[0];
    const offsets = [
      '-1',
      '2',
      '1e0',
      '0x1',
      '01e',
      ' 1',
      '1 ',
      '9007199254740993',
      '9'.repeat(300),
      '',
      'NaN',
    ];
    const positions = [
      ...TREACHEROUS,
      ...TREACHEROUS.map(name => `${name}:1`),
      ...offsets.map(offset => `${epoch}:${offset}`),
      `${epoch}`,
      `${'x'.repeat(50_000)}:1`,
      ':'.repeat(50_000),
      `${epoch}:${'1:'.repeat(20_000)}`,
    ];
    for (const since of positions) {
      const answer = await client.subscribe('news', since);
      expect(answer.data.recovered, since.slice(0, 80)).toBe(false);
      expect(JSON.stringify(answer).length).toBeLessThan(512);
      await client.request('unsubscribe', { topic: 'news' });
    }
    expect(client.publications('news')).toEqual([]);
    const good = await client.subscribe('news', `${epoch}:0`);
    expect(good.data.recovered).toBe(true);
    await client.until(() => client.publications('news').length === 1);
  });
});

describe('A22, A30 very many items in one frame', () => {
  const ITEMS = 100_000;

  it('are refused whole, with one answer', async () => {
    const { client } = await connect({ limits: { payload: 4 * 1024 * 1024, bytesPerSecond: 0 } });
    const topics = Array.from({ length: ITEMS }, (_, i) => `rooms.${i}`);
    const [many, same, none] = await answers(client, [
      { event: 'subscribe', data: { topics } },
      { event: 'subscribe', data: { topics: Array(ITEMS).fill('news') } },
      { event: 'unsubscribe', data: { topics: Array(ITEMS).fill(0) } },
    ]);
    for (const answer of [many, same, none]) expect(answer.data.code).toBe('TOO_MANY_TOPICS');
    const [array] = await answers(client, [
      JSON.stringify(Array.from({ length: ITEMS }, () => ({ event: 'echo' }))),
    ]);
    expect(array.data.code).toBe('BAD_MESSAGE');
  });

  it('nested as deep, end in an error frame at most', async () => {
    const { client } = await connect({ limits: { payload: 1024 * 1024 } });
    const deep = '['.repeat(ITEMS) + ']'.repeat(ITEMS);
    const frames = await answers(client, [
      deep,
      '['.repeat(ITEMS),
      `{"event":"subscribe","data":${deep}}`,
      `{"event":"subscribe","data":{"topic":${deep}}}`,
      `{"event":"unsubscribe","data":{"topics":${deep}}}`,
    ]);
    for (const frame of frames) expect(frame.event).toBe('error');
    // To write it as JSON takes the stack that reading it did not.
    const [echoed] = await answers(client, [`{"event":"echo","data":${deep}}`]);
    expect(echoed).toMatchObject({ event: 'error', data: { code: 'INTERNAL' } });
    expect((await client.request('echo', 'on')).data).toBe('on');
  });

  it('as messages in one write are all answered, in turn', async () => {
    const { url } = await connect();
    const client = await RawClient.connect(url);
    const ping = maskedText('{"event":"ping"}');
    client.socket.write(
      Buffer.concat([...Array<Buffer>(20_000).fill(ping), maskedText('{"event":"echo","id":1}')]),
    );
    client.socket.write(maskedText('{"event":"echo","id":2,"data":"on"}'));
    await client.until(() => client.texts.at(-1)?.includes('"id":2') === true);
    expect(client.texts.filter(text => text === '{"event":"pong"}')).toHaveLength(20_000);
  });
});

describe('A31 topics of characters that mean something elsewhere', () => {
  const CHARACTERS = '\n\r\t\0 *?[]>{}$%\\/:;,+#"\'<&|!^`()=\u2028é😀'.match(/./gsu)!;
  const names = CHARACTERS.flatMap(character => [`rooms.${character}`, `rooms.a${character}b`, character]);
  const malformed = ['.', '..', 'rooms.', '.rooms', 'rooms..a', 'rooms.a.', `rooms.${'a'.repeat(250)}`];

  it('are refused, and not repeated', async () => {
    const { client } = await connect();
    const data = [...names, ...malformed].map(topic => ({ topic }));
    for (const answer of await answers(
      client,
      data.map(one => ({ event: 'subscribe', data: one })),
    )) {
      expect(answer.data).toEqual({ code: 'BAD_TOPIC', message: expect.any(String) });
    }
  });

  it('cannot be published to either', async () => {
    const { broadcaster } = await connect();
    for (const name of [...names, ...malformed]) {
      expect(() => broadcaster.publish(name, 1), JSON.stringify(name)).toThrow(
        expect.objectContaining({ code: 'FANOUT_TOPIC_NAME' }),
      );
    }
  });
});
