import { Line } from '../../lib/connection/line.js';
import { WaitingFrames } from '../../lib/connection/waiting-frames.js';
import type { Life } from './life.js';
import type { PlayOptions } from './play.js';
import { type Sabotage, frames, isEvent, withSettings } from './sabotage.js';
import type { World } from './world.js';

/** Changes each connection before anything is sent to it. */
function lives(change: (life: Life, world: World) => void): PlayOptions {
  return { tamper: world => void (world.onOpen = life => change(life, world)) };
}

/** Replaces a method of lib for the time of a play. */
function patched<T, K extends keyof T>(
  type: { prototype: T },
  name: K,
  by: (original: T[K]) => T[K],
): PlayOptions {
  return {
    tamper: () => {
      const original = type.prototype[name];
      type.prototype[name] = by(original);
      return () => void (type.prototype[name] = original);
    },
  };
}

/** Takes the pongs of a client in the place of the server. The oracle knows of them as they are. */
function takePongs({ ws, pings }: Life, { clock }: World, take: (payload: Buffer) => void): void {
  ws.onPong = payload => {
    pings.answered(payload, clock.time);
    take(payload);
  };
}

/** Takes the pongs of all clients in the place of the server. */
function pongs(take: (payload: Buffer, life: Life) => void): PlayOptions {
  return lives((life, world) => takePongs(life, world, payload => take(payload, life)));
}

/** Whether answers to pings bound what is under way. */
function isBounded({ settings }: World): boolean {
  return settings.lag > 0 && settings.heartbeat !== undefined;
}

/** Swallows the gaps of clients that are slow. */
const untold = frames(frame => (isEvent(frame, 'gap') && frame.data.reason === 'slow' ? [] : [frame]));

/** Ways to break what holds for lines that only answers to pings tell of. */
export const LINE_SABOTAGES: Readonly<Record<string, Sabotage>> = {
  'no acknowledgement is heeded': {
    options: pongs(() => {}),
    rules: ['reply', 'underway', 'slow', 'age', 'loss', 'newest'],
  },
  'every third acknowledgement is ignored': {
    options: lives((life, world) => {
      let count = 0;
      takePongs(life, world, payload => {
        if (++count % 3 > 0) life.connection.pong(payload);
      });
    }),
    rules: ['reply', 'underway', 'slow', 'age'],
  },
  'a pong acknowledges what was written after its ping': {
    options: pongs((payload, { connection, pings }) => connection.pong(pings.newest ?? payload)),
    rules: ['underway', 'age'],
  },
  'a ping acknowledges itself': {
    options: lives((life, world) => {
      const { onWrite } = life.socket;
      let seen: Buffer | undefined;
      life.socket.onWrite = data => {
        onWrite(data);
        const { newest } = life.pings;
        if (newest === seen || newest === undefined) return;
        seen = newest;
        world.nextTick(() => void life.connection.pong(newest));
      };
    }),
    rules: ['underway', 'age', 'slow'],
  },
  'something that waits is lost': {
    options: patched(WaitingFrames, 'add', add => {
      let count = 0;
      return function (this: WaitingFrames, batch) {
        if (++count !== 2) add.call(this, batch);
      };
    }),
    rules: ['reply', 'loss', 'newest', 'stranger', 'recovery', 'gap'],
  },
  'what waits is overtaken': {
    options: patched(
      Line,
      'add',
      add =>
        function (this: Line, batches, count) {
          add.call(this, batches.slice(0, count).toReversed(), count);
        },
    ),
    rules: ['loss', 'duplicate', 'reply', 'gap', 'newest', 'stranger', 'recovery'],
  },
  'a gap of a client on a slow line is not told': {
    options: {
      tamper: world => (isBounded(world) ? untold.tamper?.(world) : undefined),
    },
    rules: ['loss', 'gap', 'newest', 'recovery'],
  },
  'a first answer is waited for without an end': {
    options: lives(({ connection }) => {
      const { now, clearTimeout } = connection.clock;
      Object.defineProperty(connection, 'clock', { value: { now, setTimeout: () => {}, clearTimeout } });
    }),
    rules: ['reply', 'loss', 'newest', 'slow'],
  },
  'a part of a large message is lost': {
    options: lives(({ socket }) => {
      const write = socket.write.bind(socket);
      let lost = 0;
      socket.write = (data, done) => {
        // The header of a part that is neither the first nor the last, and then what is in it.
        if (data[0] === 0 && data.length > 1) lost = 2;
        return lost-- > 0 ? write(Buffer.alloc(0), done) : write(data, done);
      };
    }),
    rules: ['protocol', 'payload'],
  },
  'nothing is ever too old': {
    options: lives(({ connection: { sink } }) => Object.defineProperty(sink, 'rate', { value: Infinity })),
    rules: ['age'],
  },
  'slow lines have more time than they should': {
    options: withSettings(({ lag }) => ({ lag: lag * 5 })),
    rules: ['underway', 'age'],
  },
  'slow lines have less time than they should': {
    options: withSettings(({ lag }) => ({ lag: lag / 5 })),
    rules: ['gap', 'slow'],
  },
};
