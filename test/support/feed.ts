import { Controller, Get, Header } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import type { Socket } from 'node:net';
import { Broadcaster, type FanoutOptions, Topic, TopicParam } from 'nestjs-fanout';
import { startApp } from './app.js';
import { certificate } from './certificate.js';

/** Ten lines of browser code are a client. The test reads `seen`. */
const PAGE = `<!doctype html><title>feed</title><script>
  window.seen = { extensions: null, events: [], values: [], closed: null };
  const socket = new WebSocket(location.origin.replace('http', 'ws') + '/feed', PROTOCOLS);
  socket.onopen = () => {
    seen.extensions = socket.extensions;
    socket.send(JSON.stringify({ event: 'subscribe', id: 1, data: { topic: 'feed.page' } }));
  };
  socket.onmessage = ({ data }) => {
    for (const frame of [JSON.parse(data)].flat())
      if (frame.topic) seen.values.push([frame.offset, frame.data]);
      else seen.events.push(frame);
  };
  socket.onclose = ({ code, reason }) => (seen.closed = { code, reason });
</script>`;

@Controller()
class PageController {
  @Get('plain')
  @Header('content-type', 'text/html')
  plain(): string {
    return PAGE.replace('PROTOCOLS', '[]');
  }

  @Get('batched')
  @Header('content-type', 'text/html')
  batched(): string {
    return PAGE.replace('PROTOCOLS', '["fanout.v1.json"]');
  }
}

@WebSocketGateway({ path: '/feed' })
class FeedGateway {
  @Topic('feed.:id')
  feed(@TopicParam('id') id: string): object {
    return { hello: id };
  }
}

/** What every client of these tests is sent, one flush after the other: other scripts, an empty string, big values. */
export const VALUES = [
  1,
  'zwölf 😀',
  '',
  { deep: [null, true, { ключ: 'значение' }] },
  'x'.repeat(70_000),
  ...Array.from({ length: 300 }, (_, i) => ({ i, text: 'y'.repeat(i) })),
];

/** Options under which the same is sent, and whether fewer bytes of it. */
export const COMPRESSION: [name: string, options: FanoutOptions][] = [
  ['uncompressed', {}],
  ['compressed', { compression: { threshold: 0 } }],
];

/** Bytes of {@link VALUES} as JSON, in one batch or many: most of what goes over the wire uncompressed. */
export const BYTES = VALUES.reduce((sum: number, value) => sum + Buffer.byteLength(JSON.stringify(value)), 0);

/** The application that foreign clients talk to, plain or over TLS. */
export async function startFeed(scheme: 'ws' | 'wss', options: FanoutOptions = {}) {
  const { app, url, get } = await startApp({
    controllers: [PageController],
    providers: [FeedGateway],
    options,
    nest: scheme === 'wss' ? { httpsOptions: certificate() } : {},
  });
  const broadcaster = get(Broadcaster);
  const sockets: Socket[] = [];
  app.getHttpServer().on('connection', (socket: Socket) => sockets.push(socket));
  return {
    url: `${url}/feed`,
    http: url.replace('ws', 'http'),
    broadcaster,
    close: () => app.close(),
    /** Bytes that have left for clients: WebSocket and HTTP, as the network sees them. */
    bytesSent: () => sockets.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0),
    /** Publishes {@link VALUES} to whoever is subscribed to the topic. */
    async publishAll(topic: string): Promise<void> {
      for (const [i, value] of VALUES.entries()) {
        broadcaster.publish(topic, value);
        if (i % 50 === 0) await broadcaster.flush();
      }
    },
  };
}
