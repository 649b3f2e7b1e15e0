import 'reflect-metadata';
import { WebSocketGateway, SubscribeMessage } from '@nestjs/websockets';
import { describe, expect, it, vi } from 'vitest';
import { startApp } from '../../../support/app.js';
import { Client } from '../../../support/client.js';
import * as ours from '../../../../lib/index.js';

/** The library once more, as a second folder in node_modules would bring it. */
async function secondCopy(): Promise<typeof ours> {
  vi.resetModules();
  const copy = await import('../../../../lib/index.js');
  expect(copy.Topic).not.toBe(ours.Topic);
  return copy;
}

class Deny {
  canActivate(): boolean {
    return false;
  }
}

describe('a gateway with decorators of another copy', () => {
  const decorated: [string, (copy: typeof ours) => unknown][] = [
    [
      '@UseHandshakeGuards',
      copy => {
        @WebSocketGateway()
        @copy.UseHandshakeGuards(Deny)
        class Foreign {}
        return Foreign;
      },
    ],
    [
      '@Topic',
      copy => {
        @WebSocketGateway()
        class Foreign {
          @copy.Topic('t')
          t() {}
        }
        return Foreign;
      },
    ],
    [
      '@Heartbeat',
      copy => {
        @WebSocketGateway()
        @copy.Heartbeat(false)
        class Foreign {}
        return Foreign;
      },
    ],
    [
      '@CurrentConnection',
      copy => {
        @WebSocketGateway()
        class Foreign {
          @SubscribeMessage('x')
          x(@copy.CurrentConnection() connection: unknown) {
            return connection;
          }
        }
        return Foreign;
      },
    ],
    [
      '@TopicParam of a base class',
      copy => {
        class Base {
          @ours.Topic('t.:id')
          t(@copy.TopicParam('id') id: unknown) {
            return id;
          }
        }
        @WebSocketGateway()
        class Foreign extends Base {}
        return Foreign;
      },
    ],
    [
      'a class that is no gateway',
      copy => {
        class Foreign {
          @copy.Topic('t')
          t() {}
        }
        return Foreign;
      },
    ],
  ];

  it.each(decorated)('stops the start: %s', async (_, decorate) => {
    const copy = await secondCopy();
    await expect(startApp({ providers: [decorate(copy) as never] })).rejects.toMatchObject({
      code: 'FANOUT_COPIES',
      message: expect.stringMatching(
        /^Foreign has decorators of another copy .* in \S+, the other one in \S+\./,
      ),
    });
  });

  it('leaves gateways alone whose decorators are its own', async () => {
    await secondCopy();
    @WebSocketGateway()
    @ours.Heartbeat(false)
    class Own {
      @ours.Topic('t')
      t(@ours.TopicName() name: string, @ours.CurrentConnection() connection: ours.Connection) {
        return [name, typeof connection.id];
      }
    }
    const { url } = await startApp({ providers: [Own] });
    const client = await Client.connect(url);
    expect((await client.subscribe('t')).data.snapshot).toEqual(['t', 'string']);
  });
});
