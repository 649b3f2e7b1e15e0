import { type ExecutionContext, UseGuards } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';

/** The guard anybody would write: it reads the topic from the message. */
class PublicGuard {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToWs().getData<{ topic: string }>().topic !== 'prices.SECRET';
  }
}

@WebSocketGateway()
class Market {
  @Topic('prices.:symbol')
  @UseGuards(PublicGuard)
  prices(): void {}
}

describe('a guard that reads data.topic', () => {
  it('sees each topic of a message that names several', async () => {
    const client = await Client.connect((await startApp({ providers: [Market] })).url);
    client.send({ event: 'subscribe', data: { topics: ['prices.A', 'prices.SECRET', 'prices.B'] } });
    await client.until(() => client.frames.length === 3);
    const answers = client.frames.map(({ event, data }) => [event, data.topic]).sort();
    expect(answers).toEqual([
      ['error', 'prices.SECRET'],
      ['subscribed', 'prices.A'],
      ['subscribed', 'prices.B'],
    ]);
  });

  it('is not deceived by a message that has a topic and topics', async () => {
    const client = await Client.connect((await startApp({ providers: [Market] })).url);
    const answer = await client.request('subscribe', { topic: 'prices.A', topics: ['prices.SECRET'] });
    expect(answer).toMatchObject({ event: 'error', data: { code: 'BAD_TOPIC' } });
    await client.request('ping');
    expect(client.frames).toHaveLength(2);
  });
});
