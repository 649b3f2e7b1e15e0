import { setImmediate as turn } from 'node:timers/promises';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';
import { masked, maskedDeflatedText, RawClient } from '../../support/raw-client.js';

const OFFER = 'permessage-deflate; client_max_window_bits';
const MIB = 1024 * 1024;
const TEXT = 0x81;

@WebSocketGateway()
class Gateway {
  @SubscribeMessage('work')
  work(): string {
    return 'done';
  }
}

// `ws` 8.23 by itself ends the process here, each time: what waits behind the bad frame is parsed in the state that it has left.
it('a bad frame, and bytes behind it, that come while a message before them is inflated close their own connection', async () => {
  const { url } = await startApp({
    providers: [Gateway],
    options: { compression: true, limits: { payload: 8 * MIB, bytesPerSecond: 0 } },
  });
  const client = await RawClient.connect(url, undefined, OFFER);
  client.socket.setNoDelay(true);
  expect(client.extensions).toContain('permessage-deflate');
  const inPieces = [
    maskedDeflatedText(' '.repeat(6 * MIB)),
    masked(TEXT, Buffer.from([0xff])),
    Buffer.alloc(12),
  ];
  for (const piece of inPieces) {
    client.socket.write(piece);
    // A chunk of its own for the server, which is in this process; inflating takes longer than this.
    for (let i = 0; i < 3; i++) await turn();
  }
  await client.until(() => client.close !== undefined);
  expect(client.close!.code).toBe(1007);
  const other = await Client.connect(url);
  expect((await other.request('work')).data).toBe('done');
});
