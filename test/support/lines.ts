import type { NestApplicationOptions, Provider } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Broadcaster, Connection, Connections, FanoutOptions } from 'nestjs-fanout';
import { expect } from 'vitest';
import { eventually } from './client.js';
import type { HeldTime } from './held-time.js';
import { type Link, type SwallowingLine, swallowingLine } from './swallowing-line.js';
import { startDelivery } from './delivery.js';
import { KIB } from './slow.js';

/** Milliseconds of a step. */
const STEP_MS = 100;

/** Pings, and ends, nobody within a test. */
const RARE_HEARTBEAT = { interval: 3_600_000, timeout: 7_200_000 };

/**
 * An application whose heartbeat does not show in a test, and a line to it. Without TLS the line can tell what passes. That
 * a test holds the time is no overload.
 */
export async function startWithLine(
  providers: Provider[],
  options: FanoutOptions = {},
  nest: NestApplicationOptions = {},
) {
  const running = await startDelivery(
    providers,
    { heartbeat: RARE_HEARTBEAT, limits: { loopDelay: 0 }, ...options },
    nest,
  );
  const { httpAdapter } = running.get(HttpAdapterHost);
  return { ...running, line: await swallowingLine(httpAdapter.getHttpServer(), running.url) };
}

/** Connects through the line; gives what the client is, its link, and its connection on the server. */
export async function connectedThrough<T>(
  line: SwallowingLine,
  connections: Connections,
  connect: (url: string) => Promise<T>,
): Promise<{ client: T; link: Link; connection: Connection }> {
  const before = new Set(connections);
  const [link, client] = await Promise.all([line.next(), connect(line.url)]);
  const others = (): Connection[] => [...connections].filter(connection => !before.has(connection));
  await eventually(() => others().length === 1, 'the connection');
  return { client, link, connection: others()[0]! };
}

/** Something large enough for a ping, so that a client answers one. */
const FIRST = { key: 'first', n: 0, text: 'x'.repeat(20 * KIB) };

/** Publishes it, and waits until the client has answered. */
export async function firstAnswer(broadcaster: Broadcaster, topic: string, link: Link): Promise<void> {
  broadcaster.publish(topic, { ...FIRST, at: performance.now() });
  await eventually(() => link.up.pongs.length > 0, 'an answer to a ping');
  await link.settled();
}

/** The same over a line that from now on passes on what a step allows. So the server knows how slow it is. */
export async function firstSlowAnswer(
  broadcaster: Broadcaster,
  topic: string,
  link: Link,
  time: HeldTime,
  bytes: number,
): Promise<void> {
  link.shut();
  broadcaster.publish(topic, { ...FIRST, at: time.now });
  await link.settled();
  while (link.held > 0) await steps(1, time, link, { bytes, publish: () => {} });
  expect(link.up.pongs.length).toBeGreaterThan(0);
}

/** What a line passes on, and what is published, in each step of a tenth of a second. */
export interface Pace {
  /** Bytes that the line passes on. */
  readonly bytes: number;
  readonly publish: () => void;
}

/** Lets so many steps go by. The client and the server are done with each before the next. */
export async function steps(count: number, time: HeldTime, link: Link, { bytes, publish }: Pace) {
  for (let i = 0; i < count; i++) {
    publish();
    await link.settled();
    time.pass(STEP_MS);
    link.pass(bytes);
    await link.settled();
  }
}
