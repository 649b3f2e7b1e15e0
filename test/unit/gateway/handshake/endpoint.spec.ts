import { describe, expect, it } from 'vitest';
import { Endpoint } from '../../../../lib/gateway/handshake/endpoint.js';
import { TopicPattern } from '../../../../lib/topic/topic-pattern.js';

interface Description {
  readonly name?: string;
  readonly events?: readonly string[];
  readonly topics?: readonly string[];
  readonly heartbeat?: unknown;
  readonly hooks?: readonly string[];
  readonly guards?: readonly string[];
}

const DEFAULT = { interval: 10, timeout: 30 };

function endpoint(heartbeat: typeof DEFAULT | false = DEFAULT): Endpoint {
  return new Endpoint(0, '/market', { clients: new Set() } as never, heartbeat);
}

/** Adds a gateway whose methods are called like their events and topics. */
function add(
  to: Endpoint,
  { name = 'A', events = [], topics = [], heartbeat, hooks = [], guards = [] }: Description,
): void {
  const gateway = {
    name,
    heartbeat,
    events: events.map(event => ({ event, method: event })),
    topics: topics.map(text => ({ pattern: new TopicPattern(text), history: 0, method: text })),
    handshakeGuards: guards,
  };
  const handlers = {
    handler: (_: unknown, method: string) => method,
    handshakeGuards: () => (guards.length > 0 ? `guards of ${name}` : undefined),
    hook: (_: unknown, hook: string) => (hooks.includes(hook) ? `${name}.${hook}` : undefined),
    leaveHook: () => (hooks.includes('handleUnsubscribe') ? `${name}.handleUnsubscribe` : undefined),
  };
  to.add(gateway as never, handlers as never);
}

const code = (name: string): object => expect.objectContaining({ code: name });

describe('Endpoint', () => {
  it('knows the handshake guards of every gateway that has any', () => {
    const to = endpoint();
    add(to, { guards: ['x', 'y'] });
    add(to, { name: 'B' });
    add(to, { name: 'C', guards: ['z'] });
    expect(to.handshakeGuards).toEqual(['guards of A', 'guards of C']);
  });

  it('keeps the event of a renewal to itself on a path with handshake guards, and nowhere else', () => {
    const clash =
      'Event "refresh" on path "/market" is handled by both @UseHandshakeGuards() of A and B.refresh: ' +
      'a message has one handler, so rename or remove one.';
    const before = endpoint();
    add(before, { guards: ['x'] });
    expect(() => add(before, { name: 'B', events: ['refresh'] })).toThrow(clash);
    const after = endpoint();
    add(after, { name: 'B', events: ['refresh'] });
    expect(() => add(after, { guards: ['x'] })).toThrow(clash);
    add(endpoint(), { events: ['refresh'], topics: ['clock'] });
  });

  it('knows the events, topics and hooks of every gateway on its path', () => {
    const to = endpoint();
    add(to, { events: ['order'], topics: ['prices.:symbol'], hooks: ['handleConnection'] });
    add(to, {
      name: 'B',
      events: ['cancel'],
      topics: ['clock'],
      hooks: ['handleConnection', 'handleDisconnect', 'handleUnsubscribe'],
    });
    expect([...to.events.keys()]).toEqual(['order', 'cancel']);
    expect(to.events.get('cancel')).toMatchObject({ name: 'B.cancel', pattern: 'cancel' });
    expect(to.topics.find('prices.AAPL')?.route).toMatchObject({ name: 'A.prices.:symbol' });
    expect(to.connectHooks).toEqual(['A.handleConnection', 'B.handleConnection']);
    expect(to.disconnectHooks).toEqual(['B.handleDisconnect']);
    expect(to.leaveHooks).toEqual(['B.handleUnsubscribe']);
    expect(to.topics.find('clock')?.route.leaveHook).toBe('B.handleUnsubscribe');
    expect(to.topics.find('prices.AAPL')?.route.leaveHook).toBeUndefined();
  });

  it('refuses two handlers of one event, and names both', () => {
    const to = endpoint();
    add(to, { events: ['order'] });
    expect(() => add(to, { name: 'B', events: ['order'] })).toThrow(
      'Event "order" on path "/market" is handled by both A.order and B.order',
    );
  });

  it('refuses two patterns that cannot be told apart, and names both methods', () => {
    const to = endpoint();
    add(to, { topics: ['a.:x'] });
    expect(() => add(to, { name: 'B', topics: ['a.:y'] })).toThrow(code('FANOUT_TOPIC_AMBIGUOUS'));
    expect(() => add(to, { name: 'B', topics: ['a.:z'] })).toThrow(
      'Topic patterns "a.:x" (A.a.:x) and "a.:z" (B.a.:z) on path "/market" match the same topics',
    );
  });

  it.each(['subscribe', 'unsubscribe'])('refuses a handler of %s beside topics, in either order', event => {
    for (const [first, second] of [
      [{ events: [event] }, { topics: ['a'] }],
      [{ topics: ['a'] }, { events: [event] }],
    ] as const) {
      const to = endpoint();
      add(to, first);
      expect(() => add(to, { name: 'B', ...second })).toThrow(code('FANOUT_EVENT_DUPLICATE'));
    }
  });

  it('leaves subscribe to a gateway when there are no topics', () => {
    const to = endpoint();
    add(to, { events: ['subscribe'] });
    expect(to.events.has('subscribe')).toBe(true);
  });

  describe('the heartbeat', () => {
    it('is the default, a part of which a gateway may change', () => {
      const to = endpoint();
      add(to, {});
      expect(to.heartbeat).toEqual(DEFAULT);
      add(to, { heartbeat: { timeout: 99 } });
      expect(to.heartbeat).toEqual({ interval: 10, timeout: 99 });
    });

    it('can be off', () => {
      const to = endpoint();
      add(to, { heartbeat: false });
      expect(to.heartbeat).toBe(false);
    });

    it('is one for a path: gateways that differ are refused, those that agree are not', () => {
      const to = endpoint();
      add(to, { heartbeat: { timeout: 99 } });
      add(to, { name: 'B', heartbeat: { interval: 10, timeout: 99 } });
      expect(() => add(to, { name: 'C', heartbeat: { timeout: 98 } })).toThrow(
        code('FANOUT_HEARTBEAT_CONFLICT'),
      );
      expect(() => add(to, { name: 'C', heartbeat: false })).toThrow(code('FANOUT_HEARTBEAT_CONFLICT'));
    });

    it('is checked, and the error names the gateway', () => {
      expect(() => add(endpoint(), { heartbeat: { timeout: 5 } })).toThrow(
        'Option "@Heartbeat of A.timeout" must be above @Heartbeat of A.interval (10); got 5.',
      );
    });
  });
});
