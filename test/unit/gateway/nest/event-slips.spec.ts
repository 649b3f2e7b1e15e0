import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { noteEvent } from '../../../../lib/gateway/nest/event-slips.js';

let warn: ReturnType<typeof vi.spyOn>;

beforeEach(() => {
  warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => {});
});

afterEach(() => {
  vi.restoreAllMocks();
});

const lines = (): string[] => warn.mock.calls.map(([line]: unknown[]) => String(line));

describe('noteEvent', () => {
  it.each(['message', 'close', 'error', 'newListener'])('takes the event %s of ws', event => {
    noteEvent('client.on', event);
    expect(lines()).toEqual([]);
  });

  it('says for each method what to write in its place', () => {
    noteEvent('client.on', 'chat');
    noteEvent('client.emit', 'chat');
    noteEvent('server.emit', 'chat');
    expect(lines().map(line => line.slice(0, 40))).toEqual([
      expect.stringContaining("client.on('chat') is never called"),
      expect.stringContaining("client.emit('chat') sends nothing"),
      expect.stringContaining("server.emit('chat') sends nothing"),
    ]);
  });

  it('says it once for each event, and takes symbols', () => {
    noteEvent('server.on', 'once');
    noteEvent('server.on', 'once');
    noteEvent('server.on', Symbol('once'));
    expect(lines()).toHaveLength(1);
  });

  it('writes no more than 20 lines', () => {
    for (let at = 0; at < 50; at++) noteEvent('client.emit', `event ${at}`);
    const { length } = lines();
    noteEvent('client.emit', 'another');
    expect(lines()).toHaveLength(length);
    expect(length).toBeLessThanOrEqual(20);
  });
});
