import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { FanoutAdapter, type MessageParser } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';

@WebSocketGateway()
class Gateway {
  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown) {
    return data;
  }
}

/** A client of an application with this parser, and the lines of its log. */
async function parsedBy(parser?: MessageParser): Promise<{ client: Client; lines: string[] }> {
  const lines: string[] = [];
  const error = (...parts: unknown[]): void => void lines.push(parts.map(String).join(' '));
  const { url, get } = await startApp({
    providers: [Gateway],
    nest: { logger: { log() {}, warn() {}, error } },
    options: { limits: { rejections: 1000 } },
  });
  if (parser !== undefined) get(FanoutAdapter).setMessageParser(parser);
  return { client: await Client.connect(url), lines };
}

const badMessage = { event: 'error', data: expect.objectContaining({ code: 'BAD_MESSAGE' }) };

describe('a message parser of the application', () => {
  it('that throws is logged, and the message is answered BAD_MESSAGE', async () => {
    const { client, lines } = await parsedBy(frame => {
      if (String(frame).includes('old')) throw new Error('version 1 is not spoken here');
      return JSON.parse(String(frame));
    });
    client.send('old');
    expect(await client.next(() => true)).toEqual(badMessage);
    expect(lines).toEqual([expect.stringContaining('version 1 is not spoken here')]);
    expect(lines[0]).toContain('message parser');
    expect(await client.request('echo', 'on')).toMatchObject({ data: 'on' });
  });

  it('that throws for each message does not flood the log', async () => {
    const { client, lines } = await parsedBy(() => {
      throw new Error('of the parser');
    });
    for (let count = 0; count < 50; count++) client.send('x');
    await client.until(() => client.frames.length === 50);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThan(10);
  });

  it.each([
    ['resolves', async () => ({ event: 'echo' })],
    ['rejects', () => Promise.reject(new Error('later'))],
  ])('that is async and %s is logged, and nothing is unhandled', async (_, parser) => {
    const { client, lines } = await parsedBy(parser as never);
    client.send({ event: 'echo' });
    expect(await client.next(() => true)).toEqual(badMessage);
    expect(lines).toEqual([expect.stringContaining('must return the message itself')]);
  });
});

describe('the default parser', () => {
  it('logs nothing about bad JSON, which is the fault of a client', async () => {
    const { client, lines } = await parsedBy();
    client.send('{"event":');
    expect(await client.next(() => true)).toEqual(badMessage);
    expect(lines).toEqual([]);
  });
});
