import { BadRequestException } from '@nestjs/common';
import { beforeEach, describe, expect, it } from 'vitest';
import { Refusal } from '../../../../lib/errors/refusals.js';
import { CountedRefusal } from '../../../../lib/gateway/session/counted-refusal.js';
import type { Request } from '../../../../lib/protocol/protocol.js';
import { GatewayClient } from '../../../support/unit/gateway-client.js';

let client: GatewayClient;

beforeEach(() => {
  client = new GatewayClient(['t']);
});

const REQUEST: Request = { event: 'ask', id: 1 };

/** Frames that the client receives for what a test sends. */
function sent(send: (session: GatewayClient['session']) => void): any[] {
  send(client.session);
  return client.frames();
}

describe('Answers.subscribed()', () => {
  it('tells of a loss before the answer, whose snapshot stands for it', () => {
    const { connection } = client.peer;
    const subscription = client.core.topics.hold(connection, 't');
    client.core.broadcaster.publish('t', 1);
    client.core.clock.turn();
    subscription.lose(1);
    const frames = sent(() => client.answers.subscribed(connection, subscription, { id: 7 }, 'snapshot'));
    expect(frames).toMatchObject([
      { event: 'gap', data: { from: 1, to: 1, reason: 'slow' } },
      { event: 'subscribed', id: 7, data: { topic: 't', snapshot: 'snapshot' } },
    ]);
    expect(subscription.lostFrom).toBe(0);
    expect(client.core.counters.gaps.slow).toBe(1);
  });

  it('tells of nothing when the snapshot cannot be sent', () => {
    const { connection } = client.peer;
    const subscription = client.core.topics.hold(connection, 't');
    subscription.lose(1);
    const answer = (): void => client.answers.subscribed(connection, subscription, {}, 1n);
    expect(answer).toThrow(expect.objectContaining({ code: 'FANOUT_SNAPSHOT' }));
    expect(client.frames()).toEqual([]);
    expect(subscription.lostFrom).toBe(1);
  });
});

describe('Answers.fail()', () => {
  it('answers a refusal, and counts it if it has a cause', () => {
    const frames = sent(session => {
      client.answers.fail(session, 1, new CountedRefusal('RATE_LIMITED', 'message-rate'));
      client.answers.fail(session, 2, new Refusal('BUSY'));
    });
    expect(frames.map(({ id, data }) => [id, data.code])).toEqual([
      [1, 'RATE_LIMITED'],
      [2, 'BUSY'],
    ]);
    expect(client.refused).toEqual(['message-rate']);
    expect(client.errors).toEqual([]);
  });

  it('answers an HTTP exception of a handler by its name, and logs none', () => {
    const frames = sent(session => client.answers.fail(session, 1, new BadRequestException('why'), 't'));
    expect(frames[0].data).toMatchObject({ code: 'BAD_REQUEST', topic: 't' });
    expect(client.errors).toEqual([]);
  });

  it('logs an unexpected error, and tells the client nothing of it', () => {
    const error = new Error('secret');
    const frames = sent(session => client.answers.fail(session, 1, error));
    expect(frames[0].data.code).toBe('INTERNAL');
    expect(JSON.stringify(frames)).not.toContain('secret');
    expect(client.errors).toEqual([error]);
  });

  it('sends nothing on a closed connection', () => {
    client.peer.connection.close(1000);
    expect(sent(session => client.answers.fail(session, 1, new Refusal('BUSY')))).toEqual([]);
  });
});

describe('Answers and values of handlers', () => {
  it('sends no reply for nothing', () => {
    expect(sent(session => client.answers.reply(session, REQUEST, undefined))).toEqual([]);
  });

  it('answers a value that cannot be sent with an error', () => {
    const frames = sent(session => client.answers.acknowledge(session, REQUEST, { data: 1n }));
    expect(frames).toMatchObject([{ event: 'error', id: 1, data: { code: 'INTERNAL' } }]);
    expect(client.errors).toMatchObject([{ code: 'FANOUT_REPLY' }]);
  });

  it('closes a client that leaves too many values of a stream unread, and none that asked for a large answer', () => {
    client.peer.socket.stalled = true;
    const large = 'x'.repeat(700_000);
    for (let i = 0; i < 2; i++) {
      client.answers.reply(client.session, REQUEST, large);
      client.core.clock.turn();
    }
    expect(client.peer.ws.closes).toEqual([]);
    for (let i = 0; i < 3; i++) {
      client.answers.push(client.session, REQUEST, large);
      client.core.clock.turn();
    }
    expect(client.peer.ws.closes).toMatchObject([{ code: 4001 }]);
  });
});
