import type { ErrorLog } from '../../observe/sampled-errors.js';
import { Subscription as RxSubscription, type Observable } from 'rxjs';
import { inOwnContext } from '../../connection/own-context.js';
import { shown } from '../../errors/fanout-error.js';
import type { Broadcaster } from '../../broadcast/broadcaster.js';

/** The Observable that feeds one topic. */
interface Source {
  readonly subscription: RxSubscription;
  /** What it emitted before its first subscriber was in place; undefined from then on. */
  early: unknown[] | undefined;
  /** Whether it broke before its first subscriber was in place to be told. */
  failed: boolean;
}

/**
 * Observables that `@Topic` methods returned: each is subscribed to once per topic while anyone listens, and torn down
 * with the last. One that ended stays known until then, so that a finished source does not run again for every
 * newcomer; one that failed is forgotten, so that the next subscriber starts it anew.
 */
export class TopicSources {
  readonly #sources = new Map<string, Source>();
  readonly #broadcaster: Pick<Broadcaster, 'publish'>;
  readonly #failed: (topic: string) => void;
  readonly #logger: ErrorLog;

  /** @param failed called when a source broke, to tell the subscribers */
  constructor(broadcaster: Pick<Broadcaster, 'publish'>, failed: (topic: string) => void, logger: ErrorLog) {
    this.#broadcaster = broadcaster;
    this.#failed = failed;
    this.#logger = logger;
  }

  /** Makes room for the source of a topic; false when it has one. */
  claim(topic: string): boolean {
    if (this.#sources.has(topic)) return false;
    this.#sources.set(topic, { subscription: new RxSubscription(), early: [], failed: false });
    return true;
  }

  /**
   * Subscribes to what a handler returned. Where the handler turned out to be a source (`claimed`), its values are
   * published; else the last one is the answer.
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
    // A client that leaves ends a stream that is no source, so nobody must wait for it.
    subscription.add(() => settle.resolve(last));
    return { subscription, value };
  }

  /** The running source of a claimed topic: it ends with the topic. False when it has ended already. */
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

  /** A subscriber is in place: publishes what came before it, and from now on everything at once. */
  start(topic: string): void {
    const source = this.#sources.get(topic);
    const early = source?.early;
    if (early === undefined) return;
    source!.early = undefined;
    for (const value of early) this.#emit(topic, value);
    if (source!.failed) this.#end(topic);
  }

  /** Nobody listens any more. */
  stop(topic: string): void {
    const source = this.#sources.get(topic);
    this.#sources.delete(topic);
    if (source !== undefined) this.#tearDown(topic, source.subscription);
  }

  /** Runs inside flushes, timers and socket events, where a teardown of the application that throws would end the process. */
  #tearDown(topic: string, subscription: RxSubscription): void {
    try {
      inOwnContext(() => subscription.unsubscribe());
    } catch (error) {
      this.teardownFailed(topic, error);
    }
  }

  /** Logs an error that was thrown while a source was ended. */
  teardownFailed(topic: string, error: unknown): void {
    this.#logger.error(error, `The source of topic "${topic}" failed in its teardown`);
  }

  #emit(topic: string, value: unknown): void {
    const source = this.#sources.get(topic);
    // Undefined after stop(): a source that emits while it is torn down.
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
