import type { Subscription } from '../topic/subscription.js';

/** Waits for subscriptions to be handed everything up to an offset. */
export class OffsetWaits {
  readonly #waits = new Set<{ readonly targets: Map<Subscription, number>; readonly done: () => void }>();

  /** Resolves when each subscription has reached its offset. */
  add(targets: Map<Subscription, number>): Promise<void> {
    if (targets.size === 0) return Promise.resolve();
    return new Promise(done => this.#waits.add({ targets, done }));
  }

  /** Notes that a subscription has reached an offset; Infinity for a subscription that has ended. */
  reached(subscription: Subscription, offset: number): void {
    for (const wait of this.#waits) {
      const target = wait.targets.get(subscription);
      if (target === undefined || offset < target) continue;
      wait.targets.delete(subscription);
      if (wait.targets.size > 0) continue;
      this.#waits.delete(wait);
      wait.done();
    }
  }
}
