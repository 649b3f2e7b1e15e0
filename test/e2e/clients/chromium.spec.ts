import type { Browser } from 'playwright-core';
import { CLOSE } from 'nestjs-fanout';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { hasChromium, launchChromium } from '../../support/chromium.js';
import { BYTES, COMPRESSION, startFeed, VALUES } from '../../support/feed.js';

/** What Chromium says that it has agreed to. */
const AGREED = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';

interface Seen {
  readonly extensions: string;
  readonly events: any[];
  readonly values: [number, unknown][];
  readonly closed: { code: number; reason: string } | null;
}

describe.skipIf(!hasChromium)('Chromium', () => {
  let browser: Browser | undefined;

  beforeAll(async () => {
    browser = await launchChromium();
  });

  afterAll(() => browser?.close());

  describe.each(['ws', 'wss'] as const)('over %s', scheme => {
    describe.each(COMPRESSION)('%s', (compression, options) => {
      it.each(['plain', 'batched'])('receives everything in order and sees the close, %s', async page => {
        const { http, broadcaster, publishAll, close, bytesSent } = await startFeed(scheme, options);
        const context = await browser!.newContext({ ignoreHTTPSErrors: true });
        onTestFinished(() => context.close());
        const tab = await context.newPage();
        const errors: Error[] = [];
        tab.on('pageerror', error => errors.push(error));
        await tab.goto(`${http}/${page}`);
        await tab.waitForFunction('seen.events.length > 0');
        expect(broadcaster.subscribers('feed.page')).toBe(1);
        await publishAll('feed.page');
        await tab.waitForFunction(`seen.values.length === ${VALUES.length}`);
        expect(bytesSent() < BYTES / 2).toBe(compression === 'compressed');
        await close();
        await tab.waitForFunction('seen.closed !== null');

        const seen: Seen = await tab.evaluate('seen');
        expect(seen.events).toMatchObject([
          { event: 'subscribed', id: 1, data: { topic: 'feed.page', snapshot: { hello: 'page' } } },
        ]);
        expect(seen.values).toEqual(VALUES.map((value, i) => [i + 1, value]));
        expect(seen.closed).toEqual({
          code: CLOSE.SHUTDOWN.code,
          reason: expect.stringMatching(/retry-after=\d+$/),
        });
        expect(seen.extensions).toBe(compression === 'compressed' ? AGREED : '');
        expect(errors).toEqual([]);
      });
    });
  });
});
