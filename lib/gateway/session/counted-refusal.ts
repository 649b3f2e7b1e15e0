import { Refusal, type RefusalCode } from '../../errors/refusals.js';
import type { RejectionCause } from '../../observe/rejections.js';

/** A refusal whose code does not say what it is counted as. */
export class CountedRefusal extends Refusal {
  constructor(
    code: RefusalCode,
    override readonly cause: RejectionCause,
    topic?: string,
  ) {
    super(code, topic);
  }
}
