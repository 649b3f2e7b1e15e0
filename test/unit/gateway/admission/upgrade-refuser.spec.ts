import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CLOSE } from '../../../../lib/errors/close-codes.js';
import { UpgradeRefuser } from '../../../../lib/gateway/admission/upgrade-refuser.js';
import { UpgradeRefusal } from '../../../../lib/gateway/handshake/upgrade-refusal.js';
import { Protocols } from '../../../../lib/protocol/protocols.js';
import { Rejections } from '../../../../lib/observe/rejections.js';
import { processClock } from '../../../../lib/time/process-clock.js';
import { masked } from '../../../support/raw-client.js';
import { eventually } from '../../../support/client.js';

const refuser = (): UpgradeRefuser =>
  new UpgradeRefuser(new Rejections(() => 0, { warn() {} }), new Protocols(), processClock);

/** Both ends of a connection whose client reads nothing. */
async function silent(): Promise<{ peer: Socket; socket: Socket }> {
  const server = net.createServer({ allowHalfOpen: true });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<Socket>(resolve => server.once('connection', resolve));
  const peer = net.connect({ port: (server.address() as AddressInfo).port, allowHalfOpen: true });
  peer.on('error', () => {}).pause();
  const socket = await accepted;
  server.close();
  onTestFinished(() => {
    peer.destroy();
    socket.destroy();
  });
  return { peer, socket };
}

const request = (protocols?: string): IncomingMessage =>
  ({
    method: 'GET',
    headers: {
      upgrade: 'websocket',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-version': '13',
      ...(protocols !== undefined && { 'sec-websocket-protocol': protocols }),
    },
  }) as never;

const busy = new UpgradeRefusal(503, 'connections', { close: CLOSE.BUSY });

const textOf = (peer: Socket): Promise<string> =>
  new Promise(resolve => peer.once('data', chunk => resolve(chunk.toString('latin1'))).resume());

describe('UpgradeRefuser', () => {
  describe('#refuse', () => {
    it.each([undefined, 'fanout.v1.json'])(
      'destroys a socket whose peer takes nothing, offering %s',
      async protocols => {
        const { socket } = await silent();
        // So much is unread that the answer has to wait.
        socket.write(Buffer.alloc(64 * 1024 * 1024));
        const all = refuser();
        all.refuse({ request: request(protocols), socket, head: Buffer.alloc(0), ip: '::1' }, busy);
        expect([all.size, socket.destroyed]).toEqual([1, false]);
        await eventually(() => socket.destroyed, 'its end');
        await eventually(() => all.size === 0, 'that it is forgotten');
      },
    );

    it.each([
      ['fanout.v1.json', '101'],
      ['chat ,\tfanout.v1.json', '101'],
      ['fanout.v1.jsonx', '503'],
      ['xfanout.v1.json', '503'],
      ['Fanout.v1.json', '503'],
      ['b, '.repeat(50), '503'],
    ])('offered %j answers %s', async (protocols, status) => {
      const { peer, socket } = await silent();
      const text = textOf(peer);
      refuser().refuse({ request: request(protocols), socket, head: Buffer.alloc(0), ip: '::1' }, busy);
      expect(await text).toContain(`HTTP/1.1 ${status} `);
    });

    it('reads little of the flood behind a WebSocket, and ends it behind the close frame', async () => {
      const { peer, socket } = await silent();
      const refused = { request: request('fanout.v1.json'), socket, head: Buffer.alloc(0), ip: '::1' };
      refuser().refuse(refused, busy);
      const ended = once(peer, 'end');
      peer.resume().write(Buffer.concat(Array<Buffer>(1_000_000).fill(masked(0x89, Buffer.alloc(0)))));
      await ended;
      await eventually(() => socket.bytesRead >= 65_536, 'the flood');
      await eventually(() => socket.closed, 'its end');
      expect(socket.bytesRead).toBeLessThan(3 * 65_536);
    });

    it('destroys what is a WebSocket already', async () => {
      const { socket } = await silent();
      const refused = { request: request('fanout.v1.json'), socket, head: Buffer.alloc(0), ip: '::1' };
      const all = refuser();
      all.refuse(refused, busy);
      expect(socket.destroyed).toBe(false);
      all.refuse(refused, busy);
      expect(socket.destroyed).toBe(true);
    });

    it('answers by HTTP when a thousand are being closed already', async () => {
      const all = refuser();
      onTestFinished(() => all.stop());
      const pairs: { peer: Socket; socket: Socket }[] = [];
      for (let n = 0; n < 1001; n++) pairs.push(await silent());
      const answers = pairs.map(({ peer }) => textOf(peer));
      for (const { socket } of pairs)
        all.refuse({ request: request('fanout.v1.json'), socket, head: Buffer.alloc(0), ip: '::1' }, busy);
      const statuses = (await Promise.all(answers)).map(text => text.slice(9, 12));
      expect(statuses.indexOf('503')).toBe(1000);
    });
  });

  describe('#answer', () => {
    it.each([101, 100, 0, NaN, 600, 200.5])('gives 500 for the status %s', async status => {
      const { peer, socket } = await silent();
      const text = textOf(peer);
      refuser().answer(socket, status);
      expect(await text).toMatch(/^HTTP\/1\.1 500 /);
    });

    it('harms nobody when the peer has reset the connection', async () => {
      const { peer, socket } = await silent();
      peer.resetAndDestroy();
      refuser().answer(socket, 503);
      await eventually(() => socket.closed, 'its end');
      // Once more, on a socket that is gone.
      refuser().answer(socket, 503);
    });
  });

  describe('#stop', () => {
    it('ends at once who is still there', async () => {
      const { socket } = await silent();
      socket.write(Buffer.alloc(64 * 1024 * 1024));
      const all = refuser();
      all.answer(socket, 503);
      all.stop();
      expect(socket.destroyed).toBe(true);
    });
  });
});
