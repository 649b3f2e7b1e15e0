import { readFileSync } from 'node:fs';
import * as api from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';

const source = readFileSync(new URL('../../lib/index.ts', import.meta.url), 'utf8');

describe('nestjs-fanout', () => {
  it('exports these names at run time, and nothing else', () => {
    expect(Object.keys(api).sort()).toEqual(
      [
        'BufferPool',
        'Broadcaster',
        'CLOSE',
        'Connection',
        'Connections',
        'CurrentConnection',
        'FanoutAdapter',
        'FanoutError',
        'FanoutMetrics',
        'FanoutModule',
        'Heartbeat',
        'HeartbeatGuard',
        'Publish',
        'Topic',
        'TopicName',
        'TopicParam',
        'UseHandshakeGuards',
        'topicName',
      ].sort(),
    );
  });

  it('exports by name, but for the interfaces that applications add to', () => {
    expect(source.match(/^export \*.*$/gm)).toEqual([
      "export * from './topic/topics.js';",
      "export * from './connection/user.js';",
    ]);
  });

  it('has the types of every part of its API', () => {
    const types = [...source.matchAll(/export type \{([^}]*)\}|\{[^}]*\}/g)]
      .flatMap(([block]) => block.replaceAll(/export type|[{}]/g, '').split(','))
      .map(name => name.replace('type ', '').trim());
    expect(types).toEqual(
      expect.arrayContaining([
        'FanoutOptions',
        'FlushOptions',
        'LimitOptions',
        'SlowConsumerOptions',
        'HistoryOptions',
        'HeartbeatPolicy',
        'TopicOptions',
        'TopicHistoryOptions',
        'PresenceOptions',
        'SlowPolicy',
        'FanoutErrorCode',
        'Close',
        'RefusalCode',
        'Handshake',
        'History',
        'Publication',
        'Position',
        'PublishOptions',
        'Target',
        'BufferPoolStats',
        'MessageParser',
        'HandshakeGuard',
      ]),
    );
  });
});
