import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { BufferPool, Connections } from 'nestjs-fanout';
import { Subject, type Observable } from 'rxjs';
import { PriceFeed } from './price-feed.js';

export interface StatusReport {
  /** Prices a second. */
  published: number;
  /** Prices a second, times the subscribers each one had. */
  delivered: number;
  connections: number;
  /** Bytes that wait for slow clients. */
  buffered: number;
  /** Bytes. */
  heap: number;
  /** Pooled buffers that are out at work, and the bytes of the whole pool. */
  pool: { inUse: number; bytes: number };
}

/** Measures the server once a second. The terminal and the page read the same reports. */
@Injectable()
export class ServerStatus implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #reports = new Subject<StatusReport>();
  #timer: NodeJS.Timeout | undefined;
  #before = { at: 0, published: 0, delivered: 0 };

  constructor(
    private readonly feed: PriceFeed,
    private readonly connections: Connections,
    private readonly pool: BufferPool,
  ) {}

  get reports(): Observable<StatusReport> {
    return this.#reports;
  }

  onApplicationBootstrap(): void {
    this.#before.at = performance.now();
    this.#timer = setInterval(() => this.#reports.next(this.#measure()), 1000);
  }

  onModuleDestroy(): void {
    clearInterval(this.#timer);
    this.#reports.complete();
  }

  #measure(): StatusReport {
    const now = { at: performance.now(), published: this.feed.published, delivered: this.feed.delivered };
    // A busy event loop is late with its timers: divide by the time that has really passed.
    const seconds = (now.at - this.#before.at) / 1000;
    const published = Math.round((now.published - this.#before.published) / seconds);
    const delivered = Math.round((now.delivered - this.#before.delivered) / seconds);
    this.#before = now;
    const { inUse, bytes } = this.pool.stats();
    return {
      published,
      delivered,
      connections: this.connections.size,
      buffered: this.#bufferedBytes(),
      heap: process.memoryUsage().heapUsed,
      pool: { inUse, bytes },
    };
  }

  #bufferedBytes(): number {
    let bytes = 0;
    for (const connection of this.connections) bytes += connection.bufferedBytes;
    return bytes;
  }
}
