/** What a client was told about a topic that does not conflate. */
export interface Account {
  readonly publications: { readonly offset: number; readonly data: any }[];
  /** The data of every gap. */
  readonly gaps: any[];
  /** Offset up to which it knows everything, or knows that it does not. */
  readonly last: number;
}

/**
 * The account of one subscription, after checking that nothing is missing, comes twice or comes out of order: each
 * publication and each gap begins right after what was told before. Fails the test otherwise.
 */
export function account(frames: readonly any[], topic: string): Account {
  const publications: { offset: number; data: any }[] = [];
  const gaps: any[] = [];
  let last: number | undefined;
  for (const frame of frames) {
    const of = frame.topic ?? frame.data?.topic;
    if (of !== topic || frame.event === 'error') continue;
    if (frame.event === 'subscribed') last = offsetOf(frame.data.position);
    else if (last === undefined) throw new Error(`outside of a subscription: ${shown(frame)}`);
    else if (frame.event === 'unsubscribed') last = undefined;
    else if (frame.event === 'gap') {
      const { from, to, position } = frame.data;
      if (from !== last + 1 || to < from || offsetOf(position) !== to)
        throw new Error(`after ${last}: ${shown(frame)}`);
      gaps.push(frame.data);
      last = to as number;
    } else {
      if (frame.offset !== last + 1) throw new Error(`after ${last}: ${shown(frame)}`);
      publications.push(frame);
      last = frame.offset as number;
    }
  }
  return { publications, gaps, last: last ?? -1 };
}

/** The offset of a position. */
export function offsetOf(position: string): number {
  return Number(position.slice(position.lastIndexOf(':') + 1));
}

function shown(frame: unknown): string {
  return JSON.stringify(frame).slice(0, 200);
}
