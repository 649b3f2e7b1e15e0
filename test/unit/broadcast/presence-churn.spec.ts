import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPresenceName } from '../../../lib/topic/topic-name.js';
import type { PresencePolicy } from '../../../lib/topic/topic-policy.js';
import { Roster, shown } from '../../support/roster.js';
import { Core, type Peer } from '../../support/unit/core.js';

const POLICY: PresencePolicy = {
  // Not the same for each connection of a user, so that who comes back may have changed.
  info: ({ handshake }) => handshake.url,
  debounce: 50,
  members: 5,
};

/** Three with the same few ids, one without: several connections of one user, and some of nobody. */
const user = fc.constantFrom<unknown>(undefined, 1, '1', { id: 2 }, { sub: 'three' }, 4, 5, 6, 7);

interface Watcher {
  readonly peer: Peer;
  /** Undefined while it waits for its answer. */
  roster: Roster | undefined;
  /** Offset of the last publication that it has. */
  offset: number;
  /** Frames that it has taken. */
  taken: number;
}

/** Clients that come, go and change, and others that watch them. */
class Rig {
  readonly core = new Core({ optionsOf: name => (isPresenceName(name) ? {} : { presence: POLICY }) });
  readonly clients: (Peer | undefined)[] = [];
  readonly watchers: Watcher[] = [];

  join(at: number, as: unknown): void {
    const peer = (this.clients[at] ??= this.core.connect('', undefined, `/${at % 2}`));
    if (peer.connection.user === undefined) peer.connection.user = as;
    peer.connection.subscribe('room');
  }

  leave(at: number): void {
    this.clients[at]?.connection.unsubscribe('room');
  }

  disconnect(at: number): void {
    if (this.clients[at] !== undefined) this.core.disconnect(this.clients[at]);
    this.clients[at] = undefined;
  }

  become(at: number, who: unknown): void {
    if (this.clients[at] !== undefined) this.clients[at].connection.user = who;
  }

  /** As the gateway does, with or without the wait for what is not published yet. */
  watch(waits: boolean): void {
    const watcher: Watcher = { peer: this.core.connect(), roster: undefined, offset: 0, taken: 0 };
    this.watchers.push(watcher);
    const subscription = this.core.topics.hold(watcher.peer.connection, 'room~presence');
    const answer = (): void => {
      watcher.offset = subscription.topic.log.head;
      subscription.rewind(watcher.offset);
      watcher.roster = new Roster(this.core.presence.told('room', POLICY));
      this.core.activate(subscription);
    };
    const announced = waits ? this.core.presence.announced('room') : undefined;
    if (announced === undefined) answer();
    else void announced.then(answer);
  }

  get truth(): string[] {
    const members = this.core.broadcaster.presence('room');
    return shown(members);
  }

  /** A watcher takes what came, in order and without a hole. */
  read(watcher: Watcher): string[] | number {
    for (const frame of watcher.peer.socket.frames.slice(watcher.taken)) {
      expect(frame.offset).toBe(++watcher.offset);
      watcher.taken++;
      watcher.roster!.take(frame.data);
    }
    return watcher.roster!.seen;
  }
}

type Step = [name: string, run: (rig: Rig) => void];

const client = fc.nat(9);

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(client, user).map(([at, as]): Step => [`join ${at}`, rig => rig.join(at, as)]),
  },
  { weight: 2, arbitrary: client.map((at): Step => [`leave ${at}`, rig => rig.leave(at)]) },
  { weight: 2, arbitrary: client.map((at): Step => [`disconnect ${at}`, rig => rig.disconnect(at)]) },
  {
    weight: 2,
    arbitrary: fc.tuple(client, user).map(([at, who]): Step => [`become ${at}`, rig => rig.become(at, who)]),
  },
  { weight: 1, arbitrary: fc.boolean().map((waits): Step => [`watch ${waits}`, rig => rig.watch(waits)]) },
  {
    weight: 3,
    arbitrary: fc.nat(60).map((ms): Step => [`advance ${ms}`, rig => rig.core.clock.advance(ms)]),
  },
  { weight: 1, arbitrary: fc.constant<Step>(['turn', rig => rig.core.clock.turn()]) },
);

describe('presence after any churn', () => {
  it('is the truth for whoever takes the snapshot and the publications, and leaves nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async steps => {
        const rig = new Rig();
        const { core } = rig;
        for (const [, run] of steps) {
          run(rig);
          // Those who waited are answered before anything else happens, or a little later.
          await Promise.resolve();
        }
        core.clock.settle();
        await Promise.resolve();
        core.clock.settle();
        for (const watcher of rig.watchers) {
          const seen = rig.read(watcher);
          // At the limit it is the number or the list: that depends on what it was before.
          if (rig.truth.length > POLICY.members) expect(seen).toBeTypeOf('number');
          expect(seen).toEqual(typeof seen === 'number' ? rig.truth.length : rig.truth);
        }
        for (let at = 0; at < rig.clients.length; at++) rig.disconnect(at);
        core.clock.settle();
        for (const watcher of rig.watchers) expect(rig.read(watcher)).toEqual([]);
        for (const { peer } of rig.watchers) core.disconnect(peer);
        expect(core.presence.size).toBe(0);
        expect(core.topics.size).toBe(0);
        expect(core.clock).toMatchObject({ timers: 0, immediates: 0 });
        expect(core.pool.stats().inUse).toBe(0);
        expect(core.errors).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });
});
