import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Observable } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { eventually } from '../../support/client.js';
import { linesAt, Marked, same, turns, underBoth } from '../../support/both-adapters.js';

const told: string[] = [];

beforeEach(() => void (told.length = 0));

/** Ways to have something done later. */
const LATER: Record<string, (work: () => void) => unknown> = {
  'at once': work => work(),
  'in a microtask': work => queueMicrotask(work),
  'in the next tick': work => process.nextTick(work),
  'in the next turn': work => setImmediate(work),
};

@WebSocketGateway()
class Ordered extends Marked {
  @SubscribeMessage('slow')
  async slow() {
    told.push('slow begins');
    await turns(5);
    told.push('slow ends');
    return { event: 'slow' };
  }

  @SubscribeMessage('fast')
  fast() {
    told.push('fast');
    return { event: 'fast' };
  }

  @SubscribeMessage('hang')
  hang(): Promise<void> {
    return new Promise(() => {});
  }

  @SubscribeMessage('stream')
  stream() {
    return new Observable(subscriber => {
      subscriber.next({ event: 'value' });
      return () => void told.push('stream ended');
    });
  }

  @SubscribeMessage('late stream')
  async lateStream() {
    await turns(5);
    told.push('late stream returned');
    return new Observable(() => {
      told.push('stream began');
      return () => void told.push('stream ended');
    });
  }

  @SubscribeMessage('send')
  send(@ConnectedSocket() client: WebSocket, @MessageBody() when: string) {
    LATER[when]!(() => client.send('"sent"'));
    return { event: 'reply' };
  }

  @SubscribeMessage('note')
  note(@MessageBody() text: string) {
    told.push(text);
  }
}

const setup = { providers: [Ordered] };

describe('messages of one client', () => {
  it('are handled one at a time', async () => {
    const seen = await underBoth(setup, async ({ connect }) => {
      told.length = 0;
      const frames = await (await connect()).exchange({ event: 'slow' }, { event: 'fast' });
      return { told: [...told], frames: frames.map(frame => frame.event) };
    });
    expect(seen).toEqual({
      WsAdapter: { told: ['slow begins', 'fast', 'slow ends'], frames: ['fast', 'slow'] },
      FanoutAdapter: { told: ['slow begins', 'slow ends', 'fast'], frames: ['slow', 'fast'] },
    });
  });

  it('are handled at the same time where limits.inFlight says so', async () => {
    const seen = await underBoth({ ...setup, fanout: { limits: { inFlight: 8 } } }, async ({ connect }) => {
      told.length = 0;
      await (await connect()).exchange({ event: 'slow' }, { event: 'fast' });
      return told.indexOf('fast') < told.indexOf('slow ends');
    });
    expect(seen).toEqual(same(true));
  });

  it('wait behind a handler that never ends', async () => {
    const seen = await underBoth(setup, async ({ connect }) => {
      const client = await connect();
      client.send({ event: 'hang' });
      client.send({ event: 'fast' });
      await turns();
      return client.frames;
    });
    expect(seen).toEqual({ WsAdapter: [{ event: 'fast' }], FanoutAdapter: [] });
  });

  it('do not wait for a stream', async () => {
    const seen = await underBoth(setup, async ({ connect }) =>
      (await connect()).exchange({ event: 'stream' }, { event: 'fast' }),
    );
    for (const frames of Object.values(seen))
      expect(frames.map(frame => frame.event).sort()).toEqual(['fast', 'value']);
  });

  it('are handled after their client has left, and their answers dropped', async () => {
    const seen = await underBoth(setup, async ({ connect, lines }) => {
      told.length = 0;
      const client = await connect();
      client.send({ event: 'slow' });
      client.send({ event: 'note', data: 'the last' });
      client.socket.close();
      await eventually(() => told.length === 3);
      await turns();
      return { told: [...told].sort(), logged: linesAt('error', lines) };
    });
    expect(seen).toEqual(same({ told: ['slow begins', 'slow ends', 'the last'], logged: [] }));
  });
});

describe('a reply', () => {
  const framesFor = (when: string) =>
    underBoth(setup, async ({ connect }) => (await connect()).exchange({ event: 'send', data: when }));

  it('follows what its handler has sent', async () => {
    expect(await framesFor('at once')).toEqual(same(['sent', { event: 'reply' }]));
  });

  it.each(['in the next tick', 'in the next turn'])('precedes what its handler sends %s', async when => {
    expect(await framesFor(when)).toEqual(same([{ event: 'reply' }, 'sent']));
  });

  it('precedes what its handler sends in a microtask', async () => {
    expect(await framesFor('in a microtask')).toEqual({
      WsAdapter: ['sent', { event: 'reply' }],
      FanoutAdapter: [{ event: 'reply' }, 'sent'],
    });
  });
});

describe('a stream of replies', () => {
  it('ends when its client leaves', async () => {
    const seen = await underBoth(setup, async ({ connect }) => {
      told.length = 0;
      const client = await connect();
      await client.exchange({ event: 'stream' });
      await client.close();
      await eventually(() => told.length > 0);
      return [...told];
    });
    expect(seen).toEqual(same(['stream ended']));
  });

  it('does not begin when its client has left', async () => {
    const seen = await underBoth(setup, async ({ connect }) => {
      told.length = 0;
      const client = await connect();
      client.send({ event: 'late stream' });
      client.socket.close();
      await eventually(() => told.length > 0);
      await turns();
      return [...told];
    });
    expect(seen).toEqual(same(['late stream returned']));
  });
});
