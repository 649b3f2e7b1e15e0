import { beforeEach, describe, expect, it } from 'vitest';
import { CLOSE } from '../../../../lib/errors/close-codes.js';
import { Shutdown } from '../../../../lib/gateway/server/shutdown.js';
import { Moment } from '../../../../lib/time/moment.js';
import { HandClock } from '../../../support/unit/hand-clock.js';

const DRAIN_MS = 1000;

/** A connection whose client answers a close or not. */
interface Peer {
  answers: boolean;
  closedWith: string | undefined;
}

/** A server with peers and handlers that a test ends. Notes each step with its time. */
class Scene {
  readonly clock = new HandClock();
  readonly log: string[] = [];
  readonly peers = new Set<Peer>();
  readonly router = {
    active: 0,
    idle: () => (this.router.active === 0 ? Promise.resolve() : this.idle.next()),
  };
  readonly idle = new Moment();
  readonly empty = new Moment();
  flushed: Promise<void> = Promise.resolve();
  hooks: Promise<void> = Promise.resolve();
  readonly shutdown = new Shutdown(this.#deps(), DRAIN_MS);
  /** Result of the shutdown. */
  left: number | undefined;

  addPeers(count: number, answers = true): void {
    for (let n = 0; n < count; n++) this.peers.add({ answers, closedWith: undefined });
  }

  leave(peer: Peer): void {
    this.peers.delete(peer);
    if (this.peers.size === 0) this.empty.come();
  }

  handlerEnds(): void {
    if (--this.router.active === 0) this.idle.come();
  }

  async begin(): Promise<void> {
    void this.shutdown.run().then(left => (this.left = left));
    await this.settle();
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.settle();
  }

  /** Lets promises and turns of the loop run, but no time pass. */
  async settle(): Promise<void> {
    for (let hop = 0; hop < 50; hop++) {
      await undefined;
      if (hop % 10 === 9) this.clock.turn();
    }
  }

  #note(what: string): void {
    this.log.push(`${this.clock.time} ${what}`);
  }

  #deps(): ConstructorParameters<typeof Shutdown>[0] {
    const { peers, empty, router, clock } = this;
    const close = (peer: Peer, reason: string): void => {
      this.#note('close');
      peer.closedWith = reason;
      if (peer.answers) this.leave(peer);
    };
    const connectionOf = (peer: Peer): unknown => ({
      close: (code: number, reason: string) => close(peer, `${code} ${reason}`),
      terminateWith: () => {
        this.#note('terminate');
        this.leave(peer);
      },
    });
    return {
      server: { refuseUpgrades: () => this.#note('refuse upgrades') },
      lifecycle: { drain: () => this.#note('refuse messages'), settled: () => this.hooks },
      leaveHooks: { settled: () => Promise.resolve() },
      broadcaster: {
        flush: () => {
          this.#note('flush');
          return this.flushed;
        },
      },
      router,
      connections: {
        get size() {
          return peers.size;
        },
        emptied: () => (peers.size === 0 ? Promise.resolve() : empty.next()),
        [Symbol.iterator]: () => [...peers].map(connectionOf)[Symbol.iterator]() as never,
      },
      clock,
    };
  }
}

let scene: Scene;

beforeEach(() => {
  scene = new Scene();
});

describe('Shutdown', () => {
  it('passes no time when nothing is under way', async () => {
    scene.addPeers(2);
    await scene.begin();
    expect(scene.log).toEqual(['0 refuse upgrades', '0 refuse messages', '0 flush', '0 close', '0 close']);
    expect(scene.left).toBe(DRAIN_MS);
    expect(scene.clock.timers).toBe(0);
  });

  it('goes on at the moment in which the last handler ends', async () => {
    scene.router.active = 2;
    await scene.begin();
    await scene.pass(17);
    scene.handlerEnds();
    await scene.settle();
    expect(scene.log).not.toContain('17 flush');
    scene.handlerEnds();
    await scene.settle();
    expect(scene.log.at(-1)).toBe('17 flush');
    expect(scene.left).toBe(DRAIN_MS - 17);
  });

  it('waits for the handler of a message that waited behind another', async () => {
    scene.router.active = 1;
    await scene.begin();
    scene.handlerEnds();
    // The next message of the same client begins in the same turn.
    scene.router.active = 1;
    await scene.settle();
    expect(scene.log).not.toContain('0 flush');
    await scene.pass(5);
    scene.handlerEnds();
    await scene.settle();
    expect(scene.log.at(-1)).toBe('5 flush');
  });

  it('gives a handler that hangs a quarter of the time, and publications that hang another', async () => {
    scene.router.active = 1;
    scene.flushed = new Promise(() => {});
    scene.addPeers(1);
    await scene.begin();
    await scene.pass(249);
    expect(scene.log).not.toContain('249 flush');
    await scene.pass(1);
    expect(scene.log.at(-1)).toBe('250 flush');
    await scene.pass(249);
    expect(scene.log.at(-1)).toBe('250 flush');
    await scene.pass(1);
    expect(scene.log.at(-1)).toBe('500 close');
  });

  it('goes on at the moment in which the last client leaves', async () => {
    scene.addPeers(2, false);
    await scene.begin();
    await scene.pass(33);
    for (const peer of scene.peers) scene.leave(peer);
    await scene.settle();
    expect(scene.log).not.toContain('33 terminate');
    expect(scene.left).toBe(DRAIN_MS - 33);
  });

  it('terminates clients that do not answer the close, with a tenth of the time left for hooks', async () => {
    scene.addPeers(1, false);
    await scene.begin();
    await scene.pass(899);
    expect(scene.log.at(-1)).toBe('0 close');
    await scene.pass(1);
    expect(scene.log.at(-1)).toBe('900 terminate');
    expect(scene.left).toBe(100);
  });

  it('waits for hooks until the end of the time, and says that a little time is left', async () => {
    scene.hooks = new Promise(() => {});
    await scene.begin();
    await scene.pass(999);
    expect(scene.left).toBeUndefined();
    await scene.pass(1);
    expect(scene.left).toBe(100);
    expect(scene.clock.timers).toBe(0);
  });

  it('closes waves of 500, spread over the time up to three quarters', async () => {
    scene.addPeers(1200, false);
    await scene.begin();
    const closed = (): number => scene.log.filter(line => line.endsWith('close')).length;
    expect(closed()).toBe(500);
    await scene.pass(249);
    expect(closed()).toBe(500);
    await scene.pass(1);
    expect(closed()).toBe(1000);
    await scene.pass(250);
    expect(closed()).toBe(1200);
  });

  it('closes the next wave at once when all clients of the waves before have left', async () => {
    scene.addPeers(500, false);
    scene.addPeers(1, false);
    await scene.begin();
    for (const peer of scene.peers) scene.leave(peer);
    await scene.settle();
    expect(scene.log.at(-1)).toBe('0 close');
    expect(scene.left).toBe(DRAIN_MS);
  });

  it('tells clients when to come back, over a millisecond for each of them and at least over a second', async () => {
    scene.clock.chance = 0.5;
    scene.addPeers(2, false);
    const [peer] = scene.peers;
    await scene.begin();
    expect(peer!.closedWith).toBe(`${CLOSE.SHUTDOWN.code} ${CLOSE.SHUTDOWN.reason}; retry-after=500`);
  });

  it('takes at most 200 ms after #hurry', async () => {
    scene.addPeers(1, false);
    scene.hooks = new Promise(() => {});
    scene.shutdown.hurry();
    await scene.begin();
    await scene.pass(180);
    expect(scene.log.at(-1)).toBe('180 terminate');
    // Hooks of terminated connections begin now, so they get a little time.
    await scene.pass(99);
    expect(scene.left).toBeUndefined();
    await scene.pass(1);
    expect(scene.left).toBe(100);
  });
});
