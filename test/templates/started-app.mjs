// An application in a process of its own, and a client that talks to it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { WebSocket } from 'ws';

/** Milliseconds for the start, the snapshot and the first publication, on a busy machine. */
const PATIENCE = 60_000;

/** Starts a built quick start, subscribes, and waits for the snapshot and a publication. Gives the version of Node. */
export async function talkTo(binary, main) {
  const port = await freePort();
  const child = spawn(binary, [main], {
    env: { ...process.env, NO_COLOR: '1', PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (output += chunk));
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(new Error('nothing came in time')), PATIENCE);
  exited.then(([code]) => stop.abort(new Error(`it ended with ${code}`)));
  try {
    const socket = await connect(`ws://localhost:${port}/market`, stop.signal);
    const received = framesOf(socket, 2, stop.signal);
    socket.send(JSON.stringify({ event: 'subscribe', id: 1, data: { topic: 'prices.AAPL' } }));
    const [answer, publication] = await received;
    const snapshot = answer.event === 'subscribed' && answer.data.snapshot?.price === 100;
    if (!snapshot || publication.topic !== 'prices.AAPL' || !(publication.data.price >= 100))
      throw new Error(`not what the README says: ${JSON.stringify([answer, publication])}`);
    return await versionOf(binary);
  } catch (error) {
    throw new Error(`${binary} ${main}: ${error.message}\n${output}`, { cause: error });
  } finally {
    clearTimeout(timer);
    child.kill('SIGKILL');
    await exited;
  }
}

async function freePort() {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Tries until the application listens. */
async function connect(url, signal) {
  for (;;) {
    signal.throwIfAborted();
    const socket = new WebSocket(url);
    const opened = await once(socket, 'open').catch(() => undefined);
    if (opened !== undefined) return socket;
    await new Promise(resolve => setTimeout(resolve, 100));
  }
}

/** The next frames of a socket. */
function framesOf(socket, count, signal) {
  return new Promise((resolve, reject) => {
    const frames = [];
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    socket.on('error', reject);
    socket.on('message', data => {
      frames.push(JSON.parse(String(data)));
      if (frames.length === count) resolve(frames);
    });
  });
}

async function versionOf(binary) {
  const child = spawn(binary, ['--version'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [chunk] = await once(child.stdout, 'data');
  return String(chunk).trim();
}
