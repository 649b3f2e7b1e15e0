import { WebSocketGateway } from '@nestjs/websockets';
import { type FanoutOptions, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { Client } from '../../support/client.js';
import { startDelivery } from '../../support/delivery.js';
import { KIB } from '../../support/slow.js';

@WebSocketGateway()
class Gateway {
  @Topic('plain')
  plain(): void {}

  @Topic('kept', { history: 2, slow: 'disconnect' })
  kept(): void {}
}

const LIMIT = 256 * KIB;

/** Text with so many bytes of JSON. */
const textOf = (bytes: number): string => 'x'.repeat(bytes - 2);

async function subscribed(topic: string, options: FanoutOptions) {
  const { url, broadcaster } = await startDelivery([Gateway], options);
  const client = await Client.connect(url);
  await client.subscribe(topic);
  return { client, broadcaster };
}

describe('limits.publication', () => {
  it.each([
    ['more', 16 * KIB],
    ['less', 1024 * KIB],
  ])('is the largest payload of a publication: %s than slowConsumer.maxBytes', async (_, maxBytes) => {
    const options = { slowConsumer: { maxBytes }, limits: { publication: LIMIT } };
    const { client, broadcaster } = await subscribed('plain', options);
    expect(() => broadcaster.publish('plain', textOf(LIMIT + 1))).toThrow(
      `A published payload must have at most ${LIMIT} bytes of JSON; got ${LIMIT + 1} bytes for topic "plain". ` +
        'Publish it in parts, or raise limits.publication.',
    );
    expect(broadcaster.publish('plain', textOf(LIMIT))).toBe(1);
    await client.until(() => client.publications('plain').length === 1);
    expect(client.publications('plain')).toEqual([{ topic: 'plain', offset: 1, data: textOf(LIMIT) }]);
  });

  it('lets each subscriber that keeps up have every payload above slowConsumer.maxBytes', async () => {
    const options = { slowConsumer: { maxBytes: 16 * KIB }, limits: { publication: LIMIT } };
    const { client, broadcaster } = await subscribed('kept', options);
    for (let i = 0; i < 4; i++) broadcaster.publish('kept', textOf(64 * KIB));
    await client.until(() => client.publications('kept').length === 4);
    expect(client.publications('kept').map(({ offset }) => offset)).toEqual([1, 2, 3, 4]);
    expect((await broadcaster.history('kept')).publications.map(({ offset }) => offset)).toEqual([3, 4]);
  });

  it('holds for a publication that reaches nobody', async () => {
    const { broadcaster } = await startDelivery([Gateway], { limits: { publication: 10 } });
    expect(() => broadcaster.publish('plain', textOf(11))).toThrow(
      expect.objectContaining({ code: 'FANOUT_PAYLOAD_SIZE' }),
    );
    expect(broadcaster.publish('plain', textOf(10))).toBe(0);
  });
});
