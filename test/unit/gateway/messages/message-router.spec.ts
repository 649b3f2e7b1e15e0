import { of, Subject } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { MessageRouter } from '../../../../lib/gateway/messages/message-router.js';
import { CountedRefusal } from '../../../../lib/gateway/session/counted-refusal.js';
import type { Invocation } from '../../../../lib/gateway/nest/invocation.js';
import { CsvProtocol } from '../../../support/csv-protocol.js';
import { GatewayClient, settled } from '../../../support/unit/gateway-client.js';

let client: GatewayClient;
let router: MessageRouter;
let calls: unknown[];
let lines: string[];
let guards: unknown[];
let excess: string | undefined;
/** Handler of the event `ask`. */
let handler: (data: unknown, call: Invocation) => unknown;

beforeEach(() => {
  calls = [];
  lines = [];
  guards = [];
  excess = undefined;
  handler = data => ({ event: 'answer', data });
  const handle = (_: unknown, data: unknown, call: Invocation): unknown => handler(data, call);
  const events = new Map([['ask', { handle, pattern: 'ask' }]]);
  client = new GatewayClient([], {}, { path: '/market', events, handshakeGuards: guards });
  const note =
    (what: string, result?: unknown) =>
    (_: unknown, { event, id }: { event: string; id: unknown }): unknown => {
      calls.push([what, event, id]);
      return result;
    };
  router = new MessageRouter({
    subscribes: { subscribe: note('subscribe'), unsubscribe: note('unsubscribe') } as never,
    refreshes: { refresh: note('refresh', Promise.resolve()) } as never,
    answers: client.answers,
    usage: { exceededLimit: () => excess } as never,
    clock: client.core.clock,
    streams: 1,
    errors: { error: (error: unknown) => client.errors.push(error) } as never,
    warn: line => lines.push(line),
  });
});

const route = (message: unknown): void | Promise<void> =>
  router.route(client.session, typeof message === 'string' ? message : JSON.stringify(message));

const codes = (): string[] => client.frames().map(({ data }) => data.code);

describe('MessageRouter.route()', () => {
  it('answers an event within the call, and with a promise when its handler has one', async () => {
    expect(route({ event: 'ask', id: 1, data: 'x' })).toBeUndefined();
    handler = async data => ({ event: 'answer', data });
    await route({ event: 'ask', id: 2, data: 'y' });
    expect(client.frames()).toMatchObject([
      { id: 1, event: 'answer', data: 'x' },
      { id: 2, event: 'answer', data: 'y' },
    ]);
  });

  it('leaves the messages of the protocol to their parts', async () => {
    guards.push({});
    for (const event of ['subscribe', 'unsubscribe', 'refresh']) await route({ event, id: 1 });
    expect(calls).toEqual([
      ['subscribe', 'subscribe', 1],
      ['unsubscribe', 'unsubscribe', 1],
      ['refresh', 'refresh', 1],
    ]);
  });

  it('knows no refresh on a path without guards', () => {
    void route({ event: 'refresh', id: 1 });
    expect([codes(), calls]).toEqual([['UNKNOWN_EVENT'], []]);
  });

  it('answers a ping', () => {
    void route({ event: 'ping', id: 3 });
    expect(client.frames()).toMatchObject([{ event: 'pong', id: 3 }]);
  });

  it('refuses what is no message, and a cancel without an id', () => {
    void route('{');
    void route({ event: 'cancel' });
    expect(codes()).toEqual(['BAD_MESSAGE', 'BAD_MESSAGE']);
  });

  it('names the first unknown event of a path in the log', () => {
    void route({ event: 'typo' });
    void route({ event: 'other' });
    expect(codes()).toEqual(['UNKNOWN_EVENT', 'UNKNOWN_EVENT']);
    expect(lines).toEqual([expect.stringMatching(/'typo'.*"\/market"/)]);
  });

  it('answers an error of the handler, thrown or rejected', async () => {
    handler = () => {
      throw new Error('one');
    };
    void route({ event: 'ask', id: 1 });
    handler = () => Promise.reject(new Error('two'));
    await route({ event: 'ask', id: 2 });
    expect(client.frames().map(({ id, data }) => [id, data.code])).toEqual([
      [1, 'INTERNAL'],
      [2, 'INTERNAL'],
    ]);
    expect(client.errors).toHaveLength(2);
  });

  it('sends each value of a stream, and counts it against the limit of streams', async () => {
    const values = new Subject<unknown>();
    handler = (_, call) => call.streamed(values);
    await route({ event: 'ask', id: 1 });
    values.next({ event: 'tick' });
    await route({ event: 'ask', id: 2 });
    const [tick, refusal] = client.frames();
    expect(tick).toMatchObject({ id: 1, event: 'tick' });
    expect([refusal.id, refusal.data.code]).toEqual([2, 'TOO_MANY_STREAMS']);
  });

  it('uses the parser of the application, whose errors are logged', () => {
    router.parseWith(() => ({ event: 'ask', data: 'parsed' }) as never);
    void route('anything');
    router.parseWith(() => {
      throw new Error('parser');
    });
    void route('anything');
    expect(client.frames()).toMatchObject([{ data: 'parsed' }, { data: { code: 'BAD_MESSAGE' } }]);
    expect(client.errors).toHaveLength(1);
  });
});

describe('MessageRouter and several messages in one frame', () => {
  it('carries them out in order, and counts each against the limits', async () => {
    const csv = new CsvProtocol({ subprotocol: 'csv', gaps: true, binary: false });
    Object.assign(client.peer.connection, { protocol: csv });
    csv.decode = () => [
      { kind: 'subscribe', event: 'subscribe', id: 1, data: {} },
      { kind: 'unsubscribe', event: 'unsubscribe', id: 2, data: {} },
    ];
    await route('two');
    excess = 'message-rate';
    await route('two');
    expect(calls.map(call => (call as string[])[0])).toEqual(['subscribe', 'unsubscribe', 'subscribe']);
    expect(client.refused).toEqual(['message-rate']);
  });
});

describe('MessageRouter.idle()', () => {
  it('waits for the handlers that run', async () => {
    let end!: () => void;
    handler = () => new Promise<void>(resolve => (end = resolve));
    void route({ event: 'ask', id: 1 });
    expect(router.active).toBe(1);
    let isIdle = false;
    void router.idle().then(() => (isIdle = true));
    await settled();
    expect(isIdle).toBe(false);
    end();
    await settled();
    expect([isIdle, router.active]).toEqual([true, 0]);
    await router.idle();
  });

  it('does not wait for a stream', async () => {
    handler = (_, call) => call.streamed(of());
    await route({ event: 'ask', id: 1 });
    expect(router.active).toBe(0);
  });
});

describe('MessageRouter.refuse()', () => {
  it('answers a message that is not read', () => {
    router.refuse(client.session, new CountedRefusal('RATE_LIMITED', 'message-rate'));
    expect([codes(), client.refused]).toEqual([['RATE_LIMITED'], ['message-rate']]);
  });
});
