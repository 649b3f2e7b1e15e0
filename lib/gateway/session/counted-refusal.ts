import { Refusal, type RefusalCode } from '../../errors/refusals.js';
import type { RejectionCause } from '../../observe/rejections.js';

/** Refusal with a cause for the counters, because the code alone does not tell. */
export class CountedRefusal extends Refusal {
  constructor(
    code: RefusalCode,
    override readonly cause: RejectionCause,
    topic?: string,
  ) {
    super(code, topic);
  }
}
