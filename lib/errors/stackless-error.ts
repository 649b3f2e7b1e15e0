/**
 * An error that is an answer to a client and no fault. It has no stack trace: making one takes longer than all else of a
 * refusal, and clients decide how many there are.
 */
export abstract class StacklessError extends Error {
  constructor(message: string) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = stackTraceLimit;
  }
}
