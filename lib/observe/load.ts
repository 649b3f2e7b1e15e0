/** What this process is short of: the loop is late (`limits.loopDelay`), or the heap is full (`limits.heap`). */
export type Overload = 'loop-delay' | 'heap';

/** Whether there is room for more work. */
export interface Load {
  /** Why new connections and new subscriptions are refused now; undefined when they are not. */
  readonly overload: Overload | undefined;
}
