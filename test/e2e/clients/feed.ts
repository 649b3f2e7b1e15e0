import { Controller, Get, Header } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, Topic, TopicParam } from 'nestjs-fanout';
import { startApp } from '../../support/app.js';
import { certificate } from '../../support/certificate.js';

/** Ten lines of browser code are a client. The test reads `seen`. */
const PAGE = `<!doctype html><title>feed</title><script>
  window.seen = { events: [], values: [], closed: null };
  const socket = new WebSocket(location.origin.replace('http', 'ws') + '/feed', PROTOCOLS);
  socket.onopen = () => socket.send(JSON.stringify({ event: 'subscribe', id: 1, data: { topic: 'feed.page' } }));
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

/** The application that foreign clients talk to, plain or over TLS. */
export async function startFeed(scheme: 'ws' | 'wss') {
  const { app, url, get } = await startApp({
    controllers: [PageController],
    providers: [FeedGateway],
    nest: scheme === 'wss' ? { httpsOptions: certificate() } : {},
  });
  const broadcaster = get(Broadcaster);
  return {
    url: `${url}/feed`,
    http: url.replace('ws', 'http'),
    broadcaster,
    close: () => app.close(),
    /** Publishes {@link VALUES} to whoever is subscribed to the topic. */
    async publishAll(topic: string): Promise<void> {
      for (const [i, value] of VALUES.entries()) {
        broadcaster.publish(topic, value);
        if (i % 50 === 0) await broadcaster.flush();
      }
    },
  };
}
