import { ForbiddenException } from '@nestjs/common';
import { beforeEach, describe, expect, it } from 'vitest';
import { Blame } from '../../../../lib/gateway/protection/blame.js';

let lines: string[];
let blame: Blame;

beforeEach(() => {
  lines = [];
  blame = new Blame(line => lines.push(line));
});

class HttpGuard {
  readonly #act: () => unknown;

  constructor(act: () => unknown) {
    this.#act = act;
  }

  canActivate(): never {
    return this.#act() as never;
  }
}

const fail = (error: unknown) => (): never => {
  throw error;
};

const ask = async (act: () => unknown): Promise<unknown> =>
  blame.guard(new HttpGuard(act)).canActivate({} as never);

describe('Blame', () => {
  it('passes the answer of a guard on', async () => {
    expect(await ask(() => true)).toBe(true);
    expect(await ask(async () => false)).toBe(false);
    expect(lines).toEqual([]);
  });

  it('names a guard that fails, once, and throws its error', async () => {
    const error = new TypeError("Cannot read properties of undefined\n(reading 'headers')");
    await expect(ask(fail(error))).rejects.toBe(error);
    await expect(ask(async () => fail(error)())).rejects.toBe(error);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(
      "The guard HttpGuard failed on a WebSocket message, which is refused: TypeError: Cannot read properties of undefined (reading 'headers').",
    );
  });

  it('does not name a guard that refuses with an exception of Nest', async () => {
    await expect(ask(fail(new ForbiddenException()))).rejects.toThrow(ForbiddenException);
    expect(lines).toEqual([]);
  });

  it('names an interceptor that fails itself', () => {
    class Timing {
      intercept(): never {
        throw new Error('no request');
      }
    }
    expect(() => blame.interceptor(new Timing()).intercept({} as never, {} as never)).toThrow('no request');
    expect(lines[0]).toContain('The interceptor Timing failed');
  });
});
