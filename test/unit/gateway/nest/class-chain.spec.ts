import { SetMetadata, UseGuards } from '@nestjs/common';
import { MessageBody } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { assertClassChain } from '../../../../lib/gateway/nest/class-chain.js';

class Guard {
  canActivate(): boolean {
    return false;
  }
}

/** A function that has the methods of a class without being one that extends it. */
function withPrototypeOf(metatype: Function): Function {
  function Replaced(): void {}
  Replaced.prototype = metatype.prototype;
  return Replaced;
}

describe('assertClassChain', () => {
  it('takes a class, and a class that extends a decorated one', () => {
    @UseGuards(Guard)
    class Base {}
    class Derived extends Base {}
    expect(() => assertClassChain(Base)).not.toThrow();
    expect(() => assertClassChain(Derived)).not.toThrow();
  });

  it('refuses the methods of a class without its decorators', () => {
    @UseGuards(Guard)
    class Guarded {}
    class WithParameter {
      prices(@MessageBody() symbol: unknown): unknown {
        return symbol;
      }
    }
    @SetMetadata('roles', ['trader'])
    class WithRoles {}
    for (const metatype of [Guarded, WithParameter, WithRoles])
      expect(() => assertClassChain(withPrototypeOf(metatype))).toThrow(
        expect.objectContaining({ code: 'FANOUT_CLASS_REPLACED' }),
      );
  });

  it('takes the methods of a class that has nothing to lose', () => {
    class Plain {}
    expect(() => assertClassChain(withPrototypeOf(Plain))).not.toThrow();
  });
});
