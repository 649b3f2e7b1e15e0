import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import type { LoggerService } from '@nestjs/common';
import { Broadcaster, type Connection, Connections, Publish, Topic } from 'nestjs-fanout';
import { of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';

const LOST: [string, () => unknown][] = [
  ['a Map', () => ({ rows: new Map([['a', 1]]) })],
  ['an Error', () => ({ rows: new Error('no') })],
  ['a typed array', () => ({ rows: new Uint8Array(2) })],
  ['a promise', () => ({ rows: Promise.resolve(1) })],
  ['NaN', () => ({ rows: Number.NaN })],
  ['a BigInt', () => ({ rows: 1n })],
];

/** What the application logged as errors. */
class ErrorLines implements LoggerService {
  readonly lines: string[] = [];
  log(): void {}
  warn(): void {}
  error(error: unknown, ...details: unknown[]): void {
    this.lines.push([error instanceof Error ? `${(error as { code?: string }).code}: ${error.message}` : error, ...details].map(String).join(' | ')); // prettier-ignore
  }
}

let value: unknown;

@WebSocketGateway()
class Gateway {
  @Topic('snapshot')
  snapshot() {
    return value;
  }

  @Topic('plain')
  plain() {}

  @Topic('source')
  source() {
    return of(value);
  }

  @Topic('room', { presence: () => value })
  room() {}

  @SubscribeMessage('reply')
  reply() {
    return value;
  }

  @SubscribeMessage('frame')
  frame() {
    return { event: 'framed', data: value };
  }

  @SubscribeMessage('stream')
  stream() {
    return of(value, { fine: 1 });
  }
}

class Feed {
  @Publish('plain')
  emit() {
    return value;
  }
}

async function start() {
  const log = new ErrorLines();
  const { url, get } = await startApp({
    providers: [Gateway, Feed],
    nest: {},
    configure: app => app.useLogger(log),
  });
  const client = await Client.connect(url);
  const [connection] = get(Connections) as Iterable<Connection>;
  return { client, log, connection: connection!, broadcaster: get(Broadcaster), feed: get(Feed) };
}

const code = (name: string): object => expect.objectContaining({ code: name });

describe.each(LOST)('%s in a value', (_, make) => {
  it('is refused at the call, with a subscriber and without, where the server sends it by itself', async () => {
    value = make();
    const { client, connection, broadcaster, feed } = await start();
    for (let round = 0; round < 2; round++) {
      expect(() => broadcaster.publish('plain', value)).toThrow(code('FANOUT_PAYLOAD'));
      expect(() => feed.emit()).toThrow('"plain"');
      await client.subscribe('plain');
    }
    expect(() => connection.send('tick', value)).toThrow(code('FANOUT_EVENT'));
    expect(() => connection.send('tick', value)).toThrow('"tick", at rows, ');
  });

  it('is an error for the client that asked, and named in the log', async () => {
    value = make();
    const { client, log } = await start();
    for (const event of ['reply', 'frame', 'stream']) {
      const answer = await client.request(event);
      expect(answer).toMatchObject({ event: 'error', data: { code: 'INTERNAL' } });
      expect(log.lines.join('\n')).toContain(
        `FANOUT_REPLY: The reply to event "${event}" cannot be sent as JSON: at `,
      );
    }
    // The error has ended the stream.
    expect(client.frames.filter(frame => frame.data?.fine === 1)).toEqual([]);
    expect((await client.subscribe('snapshot')).data.code).toBe('INTERNAL');
    expect(log.lines.join('\n')).toContain('FANOUT_SNAPSHOT: The snapshot of topic "snapshot" cannot be sent as JSON: at rows, '); // prettier-ignore
    await client.subscribe('source');
    await client.next(frame => frame.data?.code === 'SOURCE_FAILED');
    expect(log.lines.join('\n')).toMatch(/The source of topic "source" failed .* at rows, /);
    await client.subscribe('room');
    expect(log.lines.join('\n')).toContain('FANOUT_PRESENCE_INFO: The info of a member of topic "room"');
  });
});
