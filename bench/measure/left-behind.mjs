import { setTimeout as sleep } from 'node:timers/promises';

const COME_HOME_MS = 5000; // for the last sockets to be gone and their buffers given back

/** What the server still holds once every client is gone: it may take a moment to see the last of them go. */
export async function leftBehind(server) {
  const giveUp = performance.now() + COME_HOME_MS;
  for (;;) {
    const left = await server.call('leftBehind');
    if ((left.buffersInUse === 0 && left.connectionsLeft === 0) || performance.now() > giveUp) return left;
    await sleep(50);
  }
}
