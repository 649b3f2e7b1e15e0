import type { ErrorLog } from '../../observe/sampled-errors.js';
import { Subscription as RxSubscription, type Observable } from 'rxjs';
import { inOwnContext } from '../../connection/own-context.js';
import { shown } from '../../errors/fanout-error.js';
import type { Broadcaster } from '../../broadcast/broadcaster.js';

/** Observable that feeds one topic. */
interface Source {
  readonly subscription: RxSubscription;
  /** Values emitted before the first subscriber was in place; undefined from then on. */
  early: unknown[] | undefined;
  /** True if the source failed before the first subscriber was in place. */
  failed: boolean;
}

/**
 * Observables returned by `@Topic` methods. Each is subscribed to once per topic while the topic has subscribers, and
 * unsubscribed after the last one has left. A completed source is remembered until then, so that it does not run again
 * for every new subscriber. A failed source is forgotten, so that the next subscriber starts it again.
 */
export class TopicSources {
  readonly #sources = new Map<string, Source>();
  readonly #broadcaster: Pick<Broadcaster, 'publish'>;
  readonly #failed: (topic: string) => void;
  readonly #logger: ErrorLog;

  /** @param failed called when a source has failed, to tell the subscribers */
  constructor(broadcaster: Pick<Broadcaster, 'publish'>, failed: (topic: string) => void, logger: ErrorLog) {
    this.#broadcaster = broadcaster;
    this.#failed = failed;
    this.#logger = logger;
  }

  /** Reserves the source of a topic. Returns false if the topic has one. */
  claim(topic: string): boolean {
    if (this.#sources.has(topic)) return false;
    this.#sources.set(topic, { subscription: new RxSubscription(), early: [], failed: false });
    return true;
  }

  /**
   * Subscribes to the stream returned by a handler. The values of a source (`claimed`) are published. For any other
   * stream the last value is the answer.
   */
  connect(
    topic: string,
    stream: Observable<unknown>,
    claimed: () => boolean,
  ): { subscription: RxSubscription; value: Promise<unknown> } {
    let last: unknown;
    let settle!: { resolve: (value: unknown) => void; reject: (error: unknown) => void };
    const value = new Promise((resolve, reject) => (settle = { resolve, reject }));
    const subscription = stream.subscribe({
      next: emitted => (claimed() ? this.#emit(topic, emitted) : (last = emitted)),
      error: error => (claimed() ? this.#fail(topic, error) : settle.reject(error)),
      complete: () => settle.resolve(last),
    });
    // A leaving client ends a stream that is not a source, so the wait for its value must end too.
    subscription.add(() => settle.resolve(last));
    return { subscription, value };
  }

  /** Attaches the running source to its topic, which ends it. Returns false if the source has already failed. */
  attach(topic: string, subscription: RxSubscription): boolean {
    const source = this.#sources.get(topic);
    if (source !== undefined && !source.failed) {
      source.subscription.add(subscription);
      return true;
    }
    this.stop(topic);
    this.#tearDown(topic, subscription);
    return false;
  }

  /** Publishes the early values, because a subscriber is now in place. Later values are published at once. */
  start(topic: string): void {
    const source = this.#sources.get(topic);
    const early = source?.early;
    if (early === undefined) return;
    source!.early = undefined;
    for (const value of early) this.#emit(topic, value);
    if (source!.failed) this.#end(topic);
  }

  /** Ends the source of a topic without subscribers. */
  stop(topic: string): void {
    const source = this.#sources.get(topic);
    this.#sources.delete(topic);
    if (source !== undefined) this.#tearDown(topic, source.subscription);
  }

  /**
   * Unsubscribes from a source. Runs inside flushes, timers and socket events, where an error of the application would
   * end the process.
   */
  #tearDown(topic: string, subscription: RxSubscription): void {
    try {
      inOwnContext(() => subscription.unsubscribe());
    } catch (error) {
      this.teardownFailed(topic, error);
    }
  }

  /** Logs an error thrown during the teardown of a source. */
  teardownFailed(topic: string, error: unknown): void {
    this.#logger.error(error, `The source of topic "${topic}" failed in its teardown`);
  }

  #emit(topic: string, value: unknown): void {
    const source = this.#sources.get(topic);
    // Undefined after stop(), for values emitted during the teardown.
    if (source === undefined) return;
    if (source.early !== undefined) {
      source.early.push(value);
      return;
    }
    try {
      this.#broadcaster.publish(topic, value);
    } catch (error) {
      this.#fail(topic, error);
    }
  }

  #fail(topic: string, error: unknown): void {
    const why = error instanceof Error ? `${error.name}: ${error.message}` : shown(error);
    this.#logger.error(`The source of topic "${topic}" failed and stops until the next subscriber: ${why}`);
    const source = this.#sources.get(topic);
    if (source?.early === undefined) this.#end(topic);
    else source.failed = true;
  }

  #end(topic: string): void {
    this.stop(topic);
    this.#failed(topic);
  }
}
