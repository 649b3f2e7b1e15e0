import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { CLOSE } from '../../../lib/errors/close-codes.js';
import { FanoutError } from '../../../lib/errors/fanout-error.js';
import { Core, type CoreOptions, type Peer } from '../../support/unit/core.js';

function rig(options: CoreOptions = {}): Core {
  return new Core({ optionsOf: name => ({ history: name.startsWith('kept') ? 3 : 0 }), ...options });
}

function join(core: Core, ...names: string[]): Peer {
  const peer = core.connect();
  for (const name of names) peer.connection.subscribe(name);
  return peer;
}

const code = (name: string): object => expect.objectContaining({ code: name, name: 'FanoutError' });

describe('TopicBroadcaster', () => {
  describe('#publish', () => {
    it('returns how many get it', () => {
      const core = rig();
      join(core, 'a', 'b');
      join(core, 'a');
      expect(core.broadcaster.publish('a', 1)).toBe(2);
      expect(core.broadcaster.publish('b', 1)).toBe(1);
      expect(core.broadcaster.publish('c', 1)).toBe(0);
    });

    it('encodes nothing, arms nothing and asks nothing of the payload when nobody listens', () => {
      const core = rig();
      const payload = { toJSON: () => expect.unreachable('serialised') as never };
      expect(core.broadcaster.publish('a', payload)).toBe(0);
      expect(core.clock).toMatchObject({ immediates: 0, timers: 0 });
      expect(core.topics.size).toBe(0);
    });

    it('serialises once, whoever listens', () => {
      const core = rig();
      const peers = [join(core, 'a'), join(core, 'a'), core.connect('fanout.v1.json')];
      peers[2]!.connection.subscribe('a');
      let times = 0;
      core.broadcaster.publish('a', { toJSON: () => ++times });
      core.clock.settle();
      for (const { socket } of peers) expect(socket.frames).toEqual([{ topic: 'a', offset: 1, data: 1 }]);
    });

    it('does not write before the flush, and writes once to each connection then', () => {
      const core = rig();
      const peer = join(core, 'a', 'b');
      core.clock.settle();
      for (const name of ['a', 'b', 'a']) core.broadcaster.publish(name, name);
      expect(peer.socket.calls).toBe(0);
      core.clock.turn();
      expect(peer.socket.calls).toBe(1);
      expect(peer.socket.frames.map(({ topic, offset }) => `${topic}:${offset}`)).toEqual([
        'a:1',
        'a:2',
        'b:1',
      ]);
    });

    it.each(['id', 'connection'])('leaves out the connection of except, given as its %s', how => {
      const core = rig();
      const [author, reader] = [join(core, 'a'), join(core, 'a')];
      const except = how === 'id' ? author.connection.id : author.connection;
      expect(core.broadcaster.publish('a', 1, { except })).toBe(1);
      const position = core.broadcaster.position('a');
      core.clock.settle();
      const gap = { topic: 'a', from: 1, to: 1, position, reason: 'except' };
      expect(author.socket.frames).toEqual([{ event: 'gap', data: gap }]);
      expect(reader.socket.frames).toHaveLength(1);
    });

    it('counts everybody when the one left out is not subscribed, or not yet', () => {
      const core = rig();
      join(core, 'a');
      const [stranger, waiting] = [join(core, 'b'), core.connect()];
      core.topics.hold(waiting.connection, 'a');
      expect(core.broadcaster.publish('a', 1, { except: stranger.connection })).toBe(1);
      expect(core.broadcaster.publish('a', 1, { except: waiting.connection })).toBe(1);
      expect(core.broadcaster.publish('a', 1, { except: 'nobody' })).toBe(1);
    });

    it('refuses a wrong name, whether somebody listens or not', () => {
      expect(() => rig().broadcaster.publish('a b', 1)).toThrow(code('FANOUT_TOPIC_NAME'));
      expect(() => rig().broadcaster.publish(undefined as never, 1)).toThrow(code('FANOUT_TOPIC_NAME'));
    });

    const circular: unknown[] = [];
    circular.push(circular);

    it.each([
      ['undefined', undefined, 'undefined has no JSON form'],
      ['a function', () => {}, 'has no JSON form'],
      ['a symbol', Symbol('s'), 'Symbol(s) has no JSON form'],
      ['a BigInt', 1n, 'serialize a BigInt'],
      ['a circle', circular, 'circular structure'],
      ['a toJSON that throws', { toJSON: () => Promise.reject.call(undefined) }, 'cannot be sent as JSON'],
    ])('refuses %s, and publishes nothing', (_, data, text) => {
      const core = rig();
      join(core, 'kept');
      const publish = (): unknown => core.broadcaster.publish('kept', data);
      expect(publish).toThrow(code('FANOUT_PAYLOAD'));
      expect(publish).toThrow(text);
      expect(publish).not.toThrow('\n');
      expect(core.broadcaster.history('kept').publications).toEqual([]);
    });

    it('refuses a payload above the limit in bytes, not characters, and takes one at it', () => {
      const core = rig({ maxUnsentBytes: 100 });
      join(core, 'a');
      expect(core.broadcaster.publish('a', 'x'.repeat(98))).toBe(1);
      expect(() => core.broadcaster.publish('a', 'x'.repeat(99))).toThrow(code('FANOUT_PAYLOAD_SIZE'));
      expect(() => core.broadcaster.publish('a', 'é'.repeat(50))).toThrow('at most 100 bytes');
      expect(core.broadcaster.position('a')).toMatch(/:1$/);
    });
  });

  describe('#publish to nobody', () => {
    const loud = { maxUnsentBytes: 100, optionsOf: () => ({ conflate: (data: any) => data.id as string }) };
    const throwing = { id: 'a', toJSON: () => Promise.reject.call(undefined) };

    it.each([
      ['FANOUT_PAYLOAD', 'undefined', 'a', undefined, undefined],
      ['FANOUT_PAYLOAD', 'a BigInt', 'a', { id: 1n }, undefined],
      ['FANOUT_PAYLOAD', 'a Map', 'a', { id: 'a', at: [new Map()] }, undefined],
      ['FANOUT_PAYLOAD', 'a toJSON that throws', 'a', throwing, undefined],
      ['FANOUT_PAYLOAD_SIZE', 'a payload that is too large', 'a', { id: 'x'.repeat(100) }, undefined],
      ['FANOUT_CONFLATION_KEY', 'a key that is none', 'a', { id: true }, undefined],
      ['FANOUT_CONFLATION_KEY', 'a function of the key that throws', 'a', null, undefined],
      ['FANOUT_PUBLISH_OPTION', 'a ttl that is none', 'a', { id: 'a' }, { ttl: -1 }],
      [
        'FANOUT_PUBLISH_OPTION',
        'a key of idempotency that is none',
        'a',
        { id: 'a' },
        { idempotencyKey: '' },
      ],
      ['FANOUT_TOPIC_NAME', 'a name that is none', 'a b', { id: 'a' }, undefined],
    ])('throws %s for %s as it does to somebody', (name, _, topic, data, options) => {
      const [empty, full] = [rig({ ...loud, check: 'always' }), rig({ ...loud, check: 'always' })];
      join(full, 'a');
      for (const { broadcaster } of [empty, full])
        expect(() => broadcaster.publish(topic, data, options)).toThrow(code(name));
      expect(empty.topics.size).toBe(0);
    });

    it('checks a good publication too, and then keeps nothing of it', () => {
      const core = rig({ ...loud, check: 'always' });
      let times = 0;
      expect(core.broadcaster.publish('a', { id: 'a', toJSON: () => ++times })).toBe(0);
      expect(times).toBe(1);
      expect(core.clock).toMatchObject({ immediates: 0, timers: 0 });
      expect(core.topics.size).toBe(0);
    });

    it.each([
      ['development', undefined, true],
      ['development', 'test', true],
      ['development', 'production', false],
      ['always', 'production', true],
      ['listeners', undefined, false],
    ] as const)('with check %j and NODE_ENV %j is checked: %j', (check, environment, checked) => {
      vi.stubEnv('NODE_ENV', environment);
      onTestFinished(() => void vi.unstubAllEnvs());
      const { broadcaster } = rig({ check });
      const publish = (): unknown => broadcaster.publish('a', 1n);
      if (checked) expect(publish).toThrow(code('FANOUT_PAYLOAD'));
      else expect(publish()).toBe(0);
    });
  });

  describe('#publish with an idempotency key', () => {
    const once = { idempotencyKey: 'k' };

    it('publishes once, whatever comes with the key the second time, and returns what it returned', () => {
      const core = rig();
      const peer = join(core, 'a');
      expect(core.broadcaster.publish('a', 1, once)).toBe(1);
      join(core, 'a');
      const except = peer.connection;
      const payload = { toJSON: () => expect.unreachable('serialised') as never };
      expect(core.broadcaster.publish('a', payload, { ...once, except })).toBe(1);
      core.clock.settle();
      expect(peer.socket.frames).toEqual([{ topic: 'a', offset: 1, data: 1 }]);
    });

    it('is about one key of one topic', () => {
      const core = rig();
      const peer = join(core, 'a', 'b');
      const publish = (name: string, idempotencyKey?: string): unknown =>
        core.broadcaster.publish(name, 1, idempotencyKey === undefined ? {} : { idempotencyKey });
      for (let round = 0; round < 2; round++) {
        for (const name of ['a', 'b'])
          for (const key of ['k', 'K', undefined]) expect(publish(name, key)).toBe(1);
      }
      core.clock.settle();
      expect(peer.socket.frames.filter(({ topic }) => topic === 'a')).toHaveLength(4);
      expect(peer.socket.frames.filter(({ topic }) => topic === 'b')).toHaveLength(4);
    });

    it.each([
      ['payload', 1n],
      ['size', 'x'.repeat(200)],
    ])('leaves the key to another try when it refuses the %s', (_, data) => {
      const core = rig({ maxUnsentBytes: 100 });
      join(core, 'a');
      expect(() => core.broadcaster.publish('a', data, once)).toThrow(FanoutError);
      expect(core.broadcaster.publish('a', 1, once)).toBe(1);
      expect(core.broadcaster.position('a')).toMatch(/:1$/);
    });

    it('uses the key when nobody is there', () => {
      const core = rig();
      expect(core.broadcaster.publish('a', 1, once)).toBe(0);
      const peer = join(core, 'a');
      expect(core.broadcaster.publish('a', 1, once)).toBe(0);
      core.clock.settle();
      expect(peer.socket.frames).toEqual([]);
    });

    it('publishes anew when the key was forgotten', () => {
      const core = rig();
      join(core, 'a');
      core.broadcaster.publish('a', 1, once);
      core.clock.advance(600_000);
      expect(core.broadcaster.publish('a', 1, once)).toBe(1);
      expect(core.broadcaster.position('a')).toMatch(/:2$/);
    });

    it('resolves with the position of the first, also when others were published since', async () => {
      const core = rig();
      join(core, 'a');
      const first = await core.broadcaster.publishConfirmed('a', 1, once);
      await core.broadcaster.publishConfirmed('a', 2);
      expect(first).toMatch(/:1$/);
      await expect(core.broadcaster.publishConfirmed('a', 3, once)).resolves.toBe(first);
      core.broadcaster.publish('nobody', 1, once);
      const nowhere = core.broadcaster.position('nobody');
      join(core, 'nobody');
      core.broadcaster.publish('nobody', 1);
      await expect(core.broadcaster.publishConfirmed('nobody', 1, once)).resolves.toBe(nowhere);
    });
  });

  describe('#publish with a ttl', () => {
    it('expires in whole milliseconds of the clock, and never before its time has come', () => {
      const core = rig();
      join(core, 'a');
      core.clock.time = 1000.25;
      for (const options of [{}, { ttl: 1 }, { ttl: 0.5 }]) core.broadcaster.publish('a', 1, options);
      expect(core.topics.find('a')!.log.range(0, 3)).toMatchObject([
        { at: 1000, expires: 0 },
        { at: 1000, expires: 1002 },
        { at: 1000, expires: 1001 },
      ]);
    });
  });

  describe('#publish with options it cannot have', () => {
    it.each([{ ttl: 0 }, { idempotencyKey: '' }])('refuses %j, whether somebody listens or not', options => {
      const core = rig();
      join(core, 'a');
      for (const name of ['a', 'nobody']) {
        expect(() => core.broadcaster.publish(name, 1, options)).toThrow(code('FANOUT_PUBLISH_OPTION'));
      }
      expect(core.broadcaster.position('a')).toMatch(/:0$/);
    });
  });

  describe('#publishConfirmed', () => {
    it('resolves with the position, and rejects for what publish throws', async () => {
      const core = rig();
      join(core, 'a');
      await expect(core.broadcaster.publishConfirmed('a', 1)).resolves.toMatch(/:1$/);
      await expect(core.broadcaster.publishConfirmed('a', 2)).resolves.toBe(core.broadcaster.position('a'));
      await expect(core.broadcaster.publishConfirmed('a', undefined)).rejects.toThrow(code('FANOUT_PAYLOAD'));
    });
  });

  describe('#flush', () => {
    it('resolves when the kernel has it, not when the socket has', async () => {
      const core = rig({ timing: { window: 500 } });
      const peer = join(core, 'a');
      core.clock.turn();
      peer.socket.stalled = true;
      core.broadcaster.publish('a', 1);
      let done = false;
      const flushed = core.broadcaster.flush().then(() => (done = true));
      await new Promise(setImmediate);
      expect(peer.socket.writableLength).toBeGreaterThan(0);
      expect(done).toBe(false);
      peer.socket.drain();
      await flushed;
      expect(peer.socket.frames).toHaveLength(1);
      expect(core.pool.stats().inUse).toBe(0);
    });

    it('resolves when the peer that did not read is gone', async () => {
      const core = rig();
      const peer = join(core, 'a');
      peer.socket.stalled = true;
      core.broadcaster.publish('a', 1);
      const flushed = core.broadcaster.flush();
      core.disconnect(peer);
      await expect(flushed).resolves.toBeUndefined();
    });
  });

  describe('#subscribers', () => {
    it('counts who is behind', () => {
      const core = rig();
      const slow = join(core, 'a');
      slow.socket.stalled = true;
      for (let i = 0; i < 3; i++) {
        expect(core.broadcaster.publish('a', 'x'.repeat(39_998))).toBe(1);
        void core.scheduler.flush();
      }
      expect(slow.connection.subscriptions.get('a')!.state).toBe('behind');
      expect(core.broadcaster.subscribers('a')).toBe(1);
    });

    it('counts who is live', () => {
      const core = rig();
      const peer = join(core, 'a');
      core.topics.hold(core.connect().connection, 'a');
      expect(core.broadcaster.subscribers('a')).toBe(1);
      core.disconnect(peer);
      expect(core.broadcaster.subscribers('a')).toBe(0);
      expect(core.broadcaster.subscribers('nobody')).toBe(0);
      expect(() => core.broadcaster.subscribers('!')).toThrow(code('FANOUT_TOPIC_NAME'));
    });
  });

  describe('#pressure', () => {
    it('tells how far the subscribers of a topic are behind', () => {
      const core = rig();
      const [slow] = [join(core, 'a'), join(core, 'a')];
      expect(core.broadcaster.pressure('a')).toEqual({ slow: 0, queuedBytes: 0, oldestMs: 0 });
      slow!.socket.stalled = true;
      for (let i = 0; i < 3; i++) {
        core.broadcaster.publish('a', 'x'.repeat(39_998));
        void core.scheduler.flush();
        core.clock.advance(10);
      }
      expect(core.broadcaster.pressure('a')).toEqual({ slow: 1, queuedBytes: 80_000, oldestMs: 20 });
    });

    it('is none for a name that is no topic, and refuses a wrong one', () => {
      expect(rig().broadcaster.pressure('a')).toEqual({ slow: 0, queuedBytes: 0, oldestMs: 0 });
      expect(() => rig().broadcaster.pressure('!')).toThrow(code('FANOUT_TOPIC_NAME'));
    });
  });

  describe('#disconnect', () => {
    it('closes one connection by id, every connection of a user, and says how many', () => {
      const core = rig();
      const [a, b, c] = [core.connect(), core.connect(), core.connect()];
      b.connection.user = { id: 7 };
      c.connection.user = { sub: '7' };
      expect(core.broadcaster.disconnect({ connection: a.connection.id })).toBe(1);
      expect(a.ws.closes).toEqual([CLOSE.REMOVED]);
      expect(core.broadcaster.disconnect({ user: '7' }, { code: 4100, reason: 'bye' })).toBe(2);
      for (const { ws } of [b, c]) expect(ws.closes).toEqual([{ code: 4100, reason: 'bye' }]);
      expect(core.broadcaster.disconnect({ user: 8 })).toBe(0);
      expect(core.broadcaster.disconnect({ connection: 'nobody' })).toBe(0);
    });

    it('sends what was published and flushed before it closes', () => {
      const core = rig();
      const peer = core.connect();
      peer.connection.send('bye', 1);
      core.broadcaster.disconnect({ connection: peer.connection.id });
      expect(peer.socket.frames).toEqual([{ event: 'bye', data: 1 }]);
    });

    it('takes a close without a reason', () => {
      const core = rig();
      const peer = core.connect();
      core.broadcaster.disconnect({ connection: peer.connection.id }, { code: 4000 });
      expect(peer.ws.closes).toEqual([{ code: 4000, reason: '' }]);
    });

    it.each([null, undefined, 'id', {}, { connection: 1 }, { user: {} }, { id: 'x' }])(
      'refuses the target %j',
      target => {
        expect(() => rig().broadcaster.disconnect(target as never)).toThrow(code('FANOUT_TARGET'));
      },
    );

    it('refuses a close that may not be sent, also when nobody would get it', () => {
      const refused = { code: 1005, reason: '' };
      expect(() => rig().broadcaster.disconnect({ user: 1 }, refused)).toThrow(code('FANOUT_CLOSE'));
    });
  });

  describe('#unsubscribe', () => {
    it('ends subscriptions of the target, and says how many', () => {
      const core = rig();
      const [a, b] = [join(core, 'x', 'y'), join(core, 'x')];
      for (const { connection } of [a, b]) connection.user = 'ann';
      expect(core.broadcaster.unsubscribe({ user: 'ann' }, 'x')).toBe(2);
      expect(core.broadcaster.unsubscribe({ user: 'ann' }, 'y')).toBe(1);
      expect(core.broadcaster.unsubscribe({ user: 'ann' }, 'y')).toBe(0);
      expect(core.topics.size).toBe(0);
      expect(() => core.broadcaster.unsubscribe({ user: 'ann' }, '!')).toThrow(code('FANOUT_TOPIC_NAME'));
    });
  });
});
