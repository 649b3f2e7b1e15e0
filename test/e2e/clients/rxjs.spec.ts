import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, CLOSE, Connections, Topic } from 'nestjs-fanout';
import type { Observable } from 'rxjs';
import { WebSocket as UndiciSocket } from 'undici';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket as WsSocket } from 'ws';
import { startApp } from '../../support/app.js';
import { eventually } from '../../support/client.js';
import { blocks, read, ROOT, sections } from '../../unit/docs/markdown.js';
import { failingLink } from '../../support/failing-link.js';

/** The code of the page, as a reader copies it. */
const CODE = blocks(sections(read('docs/protocol.md')).find(({ title }) => title === 'With RxJS')!.body)[0]!
  .code;

type Frames = (url: string, topic: string) => Observable<Record<string, any>>;

@WebSocketGateway()
class Gateway {
  @Topic('feed')
  feed(): string {
    return 'snapshot';
  }
}

// Below node_modules, so that Node finds RxJS.
const CACHE = join(ROOT, 'node_modules/.cache');
let folder: string;
let files = 0;

beforeAll(() => {
  mkdirSync(CACHE, { recursive: true });
  folder = mkdtempSync(join(CACHE, 'rxjs-'));
});

afterAll(() => rmSync(folder, { recursive: true }));

/** Loads the module of the page. */
async function load(code: string): Promise<Frames> {
  const file = join(folder, `frames-${files++}.mjs`);
  writeFileSync(file, code);
  return ((await import(pathToFileURL(file).href)) as { frames: Frames }).frames;
}

/** An application, a link to it, and what the client has seen. */
async function start(Socket: unknown, code = CODE) {
  vi.stubGlobal('WebSocket', Socket);
  onTestFinished(() => void vi.unstubAllGlobals());
  const { url, get } = await startApp({ providers: [Gateway], nest: {} });
  // No time is spent on the random part of delays. Before, Nest needs numbers that are random for its ids.
  const random = vi.spyOn(Math, 'random').mockReturnValue(0);
  onTestFinished(() => random.mockRestore());
  const link = await failingLink(url);
  const seen: unknown[] = [];
  const frames = await load(code);
  const subscription = frames(link.url, 'feed').subscribe({
    next: ({ event, data }) => seen.push(event === 'subscribed' ? data.snapshot : data),
    error: (error: { message?: string }) => seen.push(`failed ${error.message ?? ''}`.trim()),
    complete: () => seen.push('complete'),
  });
  onTestFinished(() => subscription.unsubscribe());
  const connections = get(Connections);
  await eventually(() => seen.length === 1, 'the snapshot');
  return {
    link,
    seen,
    subscription,
    connections,
    until: (count: number) => eventually(() => seen.length >= count, `frame ${count}`),
    publish: (data: unknown) => get(Broadcaster).publish('feed', data),
    close({ code: status, reason }: { code: number; reason: string }): void {
      for (const connection of connections) connection.close(status, reason);
    },
  };
}

/** As the server closes its clients when it is restarted. */
const RESTART = { code: CLOSE.SHUTDOWN.code, reason: `${CLOSE.SHUTDOWN.reason}; retry-after=20` };

const without = (operator: string): string => CODE.replace(new RegExp(`^    ${operator}\\(.*\\n`, 'm'), '');

describe.each([
  ['ws', WsSocket],
  ['undici', UndiciSocket],
])('webSocket() of RxJS as in docs/protocol.md, with the WebSocket of %s', (_, Socket) => {
  it('comes back after a server that closes cleanly, as often as it does so', async () => {
    const { link, seen, until, publish, close } = await start(Socket);
    for (let round = 1; round <= 3; round++) {
      close(RESTART);
      await until(2 * round);
      publish(round);
      await until(2 * round + 1);
    }
    expect(seen).toEqual(['snapshot', 'snapshot', 1, 'snapshot', 2, 'snapshot', 3]);
    expect(link.accepted()).toBe(4);
  });

  it('comes back after a connection that breaks off, as often as it does so', async () => {
    const { link, seen, until, publish } = await start(Socket);
    for (let round = 1; round <= 3; round++) {
      link.cut();
      await until(2 * round);
      publish(round);
      await until(2 * round + 1);
    }
    expect(seen).toEqual(['snapshot', 'snapshot', 1, 'snapshot', 2, 'snapshot', 3]);
    expect(link.accepted()).toBe(4);
  });

  it('comes back after both, one behind the other', async () => {
    const { link, seen, until, close } = await start(Socket);
    close(RESTART);
    await until(2);
    link.cut();
    await until(3);
    close(RESTART);
    await until(4);
    expect(seen).toEqual(['snapshot', 'snapshot', 'snapshot', 'snapshot']);
  });

  it.each([
    ['a limit', CLOSE.PING_FLOOD],
    ['missing rights', CLOSE.FORBIDDEN],
  ])('fails and stays away when it was closed for %s', async (_cause, { code, reason }) => {
    const { link, seen, until, close } = await start(Socket);
    close({ code, reason });
    await until(2);
    expect(seen).toEqual(['snapshot', `failed ${code} ${reason}`]);
    expect(link.accepted()).toBe(1);
  });

  it('ends its connection when nobody is subscribed any more', async () => {
    const { link, subscription, connections } = await start(Socket);
    subscription.unsubscribe();
    await eventually(() => connections.size === 0, 'the end of the connection');
    expect(link.accepted()).toBe(1);
  });

  it('would be complete after a clean close with retry alone', async () => {
    const { seen, until, close } = await start(Socket, without('repeat'));
    close(RESTART);
    await until(2);
    expect(seen).toEqual(['snapshot', 'complete']);
  });

  it('would fail after a break with repeat alone', async () => {
    const { link, seen, until } = await start(Socket, without('retry'));
    link.cut();
    await until(2);
    expect(seen).toEqual(['snapshot', expect.stringMatching(/^failed/)]);
  });
});
