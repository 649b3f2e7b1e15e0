import { beforeEach, describe, expect, it } from 'vitest';
import { Refusal } from '../../../../lib/errors/refusals.js';
import { GuardRefusal } from '../../../../lib/gateway/nest/guard-refusal.js';
import { revoke } from '../../../../lib/gateway/subscribe/revocation.js';
import { FILTERED } from '../../../../lib/gateway/subscribe/topic-request.js';
import { GatewayClient } from '../../../support/unit/gateway-client.js';

let client: GatewayClient;
let reasons: string[];

beforeEach(() => {
  client = new GatewayClient(['t']);
  client.subscribe('t');
  reasons = [];
  client.core.topics.listen({ left: (_, reason) => reasons.push(reason) });
});

function end(error: unknown): any[] {
  const { core, answers, session, peer } = client;
  revoke({ topics: core.topics, answers }, session, peer.connection.subscriptions.get('t')!, error);
  return client.frames();
}

describe('revoke', () => {
  it('tells the client the error and the end, and does not count it against the client', () => {
    expect(end(new GuardRefusal())).toEqual([
      { event: 'error', data: expect.objectContaining({ code: 'FORBIDDEN', topic: 't' }) },
      { event: 'unsubscribed', data: { topic: 't' } },
    ]);
    expect(client.topics).toEqual([]);
    expect(reasons).toEqual(['revoked']);
    expect(client.refused).toEqual([]);
  });

  it('keeps the code of another refusal', () => {
    expect(end(new Refusal('UNKNOWN_TOPIC', 't'))[0].data.code).toBe('UNKNOWN_TOPIC');
  });

  it('sends no error where a filter has answered', () => {
    expect(end(FILTERED)).toEqual([{ event: 'unsubscribed', data: { topic: 't' } }]);
  });
});
