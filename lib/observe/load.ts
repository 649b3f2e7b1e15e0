/** Shortage of this process: the loop is late (`limits.loopDelay`), or the heap is full (`limits.heap`). */
export type Overload = 'loop-delay' | 'heap';

/** Room for more work. */
export interface Load {
  /** Cause for refusing new connections and subscriptions at present; undefined if they are admitted. */
  readonly overload: Overload | undefined;
}
