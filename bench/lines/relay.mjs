// Between server and client in their namespaces: each packet of a line goes on a delay later, or is lost.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { answer } from '../process/answer.mjs';

const VNI_AT = 4; // the number of the line in the header of VXLAN, three bytes

answer({ start });

/** @param {{ port: number, sides: { at: string, peer: string }[], delayMs: number, losses: number[] }} wanted `losses`: share of the packets of each line */
async function start({ port, sides, delayMs, losses }) {
  const sockets = sides.map(() => createSocket('udp4'));
  for (const [i, socket] of sockets.entries()) {
    socket.bind(port, sides[i].at);
    await once(socket, 'listening');
    const other = 1 - i;
    socket.on('message', packet => {
      if (Math.random() < losses[packet.readUIntBE(VNI_AT, 3)]) return;
      setTimeout(() => sockets[other].send(packet, port, sides[other].peer), delayMs);
    });
  }
}
