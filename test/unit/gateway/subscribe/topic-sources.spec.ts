import { type Observable, of, Subject, throwError } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { TopicSources } from '../../../../lib/gateway/subscribe/topic-sources.js';

let published: unknown[];
let refuse: Error | undefined;
let failed: string[];
let logged: string[];
let sources: TopicSources;

beforeEach(() => {
  published = [];
  refuse = undefined;
  failed = [];
  logged = [];
  const broadcaster = {
    publish(_: string, value: unknown) {
      if (refuse !== undefined) throw refuse;
      published.push(value);
    },
  };
  const logger = { error: (text: string) => logged.push(text) };
  sources = new TopicSources(broadcaster as never, topic => failed.push(topic), logger as never);
});

/** Runs a source as a first subscribe does, up to the point where its subscriber is in place. */
function begin(stream: Observable<unknown>): void {
  expect(sources.claim('t')).toBe(true);
  const { subscription, value } = sources.connect('t', stream, () => true);
  value.catch(() => {});
  sources.attach('t', subscription);
}

describe('TopicSources', () => {
  it('publishes what a source emits once its subscriber is in place, and before that keeps it', () => {
    const source = new Subject();
    begin(source);
    source.next(1);
    source.next(2);
    expect(published).toEqual([]);
    sources.start('t');
    expect(published).toEqual([1, 2]);
    source.next(3);
    sources.start('t');
    expect(published).toEqual([1, 2, 3]);
  });

  it('has one source a topic, also after that has completed', () => {
    begin(of(1));
    sources.start('t');
    expect(sources.claim('t')).toBe(false);
    expect(sources.claim('other')).toBe(true);
  });

  it('ends the source with the topic, and the next subscriber starts it anew', () => {
    const source = new Subject();
    begin(source);
    sources.start('t');
    sources.stop('t');
    expect(source.observed).toBe(false);
    begin(source);
    expect(source.observed).toBe(true);
  });

  it('ends a source that was attached after its topic had gone', () => {
    const source = new Subject();
    sources.claim('t');
    const { subscription } = sources.connect('t', source, () => true);
    sources.stop('t');
    expect(sources.attach('t', subscription)).toBe(false);
    expect(source.observed).toBe(false);
  });

  it('forgets a source that failed, says so, and publishes nothing more of it', () => {
    const source = new Subject();
    begin(source);
    sources.start('t');
    source.error(new Error('feed down'));
    expect(failed).toEqual(['t']);
    expect(logged).toEqual([
      'The source of topic "t" failed and stops until the next subscriber: Error: feed down',
    ]);
    expect(sources.claim('t')).toBe(true);
  });

  it('treats a value that cannot be published as a failure', () => {
    const source = new Subject();
    begin(source);
    sources.start('t');
    refuse = new Error('too big');
    source.next(1);
    expect(failed).toEqual(['t']);
    expect(source.observed).toBe(false);
  });

  describe('#connect, of an answer that is no source', () => {
    it('gives the last value', async () => {
      await expect(sources.connect('t', of(1, 2), () => false).value).resolves.toBe(2);
      expect(published).toEqual([]);
    });

    it('gives the error', async () => {
      const { value } = sources.connect(
        't',
        throwError(() => new Error('no')),
        () => false,
      );
      await expect(value).rejects.toThrow('no');
      expect([failed, logged]).toEqual([[], []]);
    });
  });
});
