import { WebSocketGateway } from '@nestjs/websockets';
import { CLOSE, FanoutMetrics, type FanoutOptions } from 'nestjs-fanout';
import { describe, expect, it, onTestFinished } from 'vitest';
import { masked, RawClient } from '../support/raw-client.js';
import { unfinished } from '../support/attacks/fragments.js';
import { startFanout, startPlain } from '../support/attacks/servers.js';

// What these attacks cost in memory: memory.spec.ts.

@WebSocketGateway()
class Gateway {}

/** A client of each kind of server. */
async function onBoth(limits: FanoutOptions['limits'] = {}) {
  const providers = [Gateway];
  const plain = await startPlain({ providers });
  const { url, get } = await startFanout({ providers, options: { limits } });
  return { left: await RawClient.connect(plain.url), closed: await RawClient.connect(url), get };
}

describe('A8 a message that is never finished', () => {
  const attacks: Record<string, Buffer> = {
    'below the limit of fragments': unfinished(10),
    'of one frame whose rest never comes': masked(0x81, Buffer.alloc(1000)).subarray(0, 500),
    'of empty fragments': unfinished(10, Buffer.alloc(0)),
  };

  it.each(Object.entries(attacks))('%s is closed in time; control: not by WsAdapter', async (_, bytes) => {
    const { left, closed, get } = await onBoth({ messageTime: 100 });
    for (const client of [left, closed]) client.socket.write(bytes);
    await closed.until(() => closed.close !== undefined);
    expect(closed.close).toEqual(CLOSE.UNFINISHED);
    expect(get(FanoutMetrics).rejected['message-time']).toBe(1);
    // By now WsAdapter had as much time.
    expect(left.close).toBeUndefined();
    expect(left.socket.readableEnded).toBe(false);
  });

  it('is closed in time, though a little more of it comes again and again', async () => {
    const { closed } = await onBoth({ messageTime: 100 });
    const [first, ...bytes] = [...masked(0x81, Buffer.alloc(10_000))];
    closed.socket.setNoDelay(true).write(Buffer.from([first!]));
    const drip = setInterval(() => closed.socket.write(Buffer.from([bytes.shift()!])), 5);
    onTestFinished(() => clearInterval(drip));
    await closed.until(() => closed.close !== undefined);
    expect(closed.close).toEqual(CLOSE.UNFINISHED);
  });
});

describe('A10 a flood of pings', () => {
  const ping = masked(0x89, Buffer.alloc(125));
  const pongs = ({ frames }: RawClient): number => frames.filter(({ opcode }) => opcode === 10).length;

  it('closes also who reads; control: WsAdapter answers every one', async () => {
    const { left: answered, closed: refused, get } = await onBoth();
    for (const { socket } of [answered, refused]) socket.write(Buffer.concat(Array<Buffer>(1000).fill(ping)));
    await answered.until(() => pongs(answered) === 1000);
    await refused.until(() => refused.close !== undefined);
    expect(refused.close).toEqual(CLOSE.PING_FLOOD);
    expect(pongs(refused)).toBeLessThan(100);
    expect(get(FanoutMetrics).rejected.pings).toBe(1);
  });
});
