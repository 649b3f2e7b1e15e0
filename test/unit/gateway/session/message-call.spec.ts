import { NEVER, of, Subject, throwError } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { cancelStreams, MessageCall } from '../../../../lib/gateway/session/message-call.js';
import { GatewayClient, settled } from '../../../support/unit/gateway-client.js';

let client: GatewayClient;
let call: MessageCall;

beforeEach(() => {
  client = new GatewayClient([]);
  call = callOf(1);
});

function callOf(id: number | undefined): MessageCall {
  const command = { kind: 'call', event: 'ask', id, data: undefined } as const;
  const made = new MessageCall(client.answers, client.session, command);
  made.begin();
  return made;
}

const events = (): string[] => client.frames().map(({ event, data }) => event ?? data);

describe('MessageCall.replyEach()', () => {
  it('waits for a single value that an interceptor has wrapped', async () => {
    await call.replyEach(of({ event: 'answer' }), 1);
    expect(events()).toEqual(['answer']);
    expect(client.session.requests?.size).toBe(0);
  });

  it('waits for no stream, and tells of its end', async () => {
    const values = new Subject<unknown>();
    await call.replyEach(call.streamed(values), 1);
    values.next({ event: 'one' });
    values.next({ event: 'two' });
    values.complete();
    expect(events()).toEqual(['one', 'two', 'complete']);
    expect(client.session.replies?.size).toBe(0);
  });

  it('answers an error of the stream, with nothing after it', async () => {
    await call.replyEach(call.streamed(throwError(() => new Error('bad'))), 1);
    expect(events()).toEqual(['error']);
  });

  it('ends a stream whose value cannot be sent', async () => {
    const values = new Subject<unknown>();
    await call.replyEach(call.streamed(values), 1);
    values.next(1n);
    expect(values.observed).toBe(false);
    expect(events()).toEqual(['error']);
  });

  it('refuses a stream above the limit', async () => {
    await call.replyEach(call.streamed(NEVER), 1);
    let ended = 0;
    const second = callOf(2);
    const values = second.streamed(NEVER, () => ended++);
    await expect(second.replyEach(values, 1)).rejects.toMatchObject({ code: 'TOO_MANY_STREAMS' });
    expect(ended).toBe(1);
  });

  it('ends the stream of a client that has left', async () => {
    client.peer.connection.close(1000);
    let ended = 0;
    await call.replyEach(
      call.streamed(NEVER, () => ended++),
      1,
    );
    expect(ended).toBeGreaterThan(0);
    expect(client.session.replies).toBeUndefined();
  });
});

describe('cancelStreams', () => {
  it('ends the stream of the request with this id, and no other', async () => {
    const [one, two] = [new Subject(), new Subject()];
    await call.replyEach(call.streamed(one), 2);
    const other = callOf(2);
    await other.replyEach(other.streamed(two), 2);
    cancelStreams(client.session, 1);
    cancelStreams(client.session, 1);
    expect([one.observed, two.observed]).toEqual([false, true]);
    expect(client.frames()).toMatchObject([{ id: 1, event: 'complete' }]);
  });

  it('ends a stream that begins after its request was cancelled', async () => {
    cancelStreams(client.session, 1);
    const values = new Subject();
    await call.replyEach(call.streamed(values), 1);
    expect(values.observed).toBe(false);
    expect(events()).toEqual(['complete']);
  });

  it('knows no request without an id, and none that is answered', async () => {
    callOf(undefined);
    expect(client.session.requests?.size).toBe(1);
    call.settled();
    expect(client.session.requests?.size).toBe(0);
  });
});

describe('MessageCall.inTurn()', () => {
  it('acts at once while little waits, and else when the client has read', async () => {
    let acts = 0;
    const act = (): void => void acts++;
    expect(call.inTurn(act)).toBeUndefined();
    expect(acts).toBe(1);
    client.peer.socket.stalled = true;
    client.answers.reply(client.session, { event: 'ask', id: 1 }, 'x'.repeat(100_000));
    const later = call.inTurn(act);
    expect([later, acts]).toEqual([expect.any(Promise), 1]);
    client.peer.socket.drain();
    await settled();
    expect(acts).toBe(2);
  });
});
