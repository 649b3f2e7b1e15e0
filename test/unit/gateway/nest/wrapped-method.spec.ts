import { SetMetadata } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { isThenable, wearMetadata } from '../../../../lib/gateway/nest/wrapped-method.js';

describe('isThenable', () => {
  it.each([
    [Promise.resolve(), true],
    // oxlint-disable-next-line unicorn/no-thenable -- a query builder is such an object
    [{ then: () => {} }, true],
    // oxlint-disable-next-line unicorn/no-thenable -- and this is none
    [{ then: 1 }, false],
    [null, false],
    [undefined, false],
    ['then', false],
  ])('of %o is %o', (value, expected) => {
    expect(isThenable(value)).toBe(expected);
  });
});

describe('wearMetadata', () => {
  it('gives a wrapper the name and the metadata of the method', () => {
    function prices(): void {}
    SetMetadata('roles', ['trader'])(prices);
    const wrapper = (): void => {};
    wearMetadata(wrapper, prices);
    expect([wrapper.name, Reflect.getMetadata('roles', wrapper)]).toEqual(['prices', ['trader']]);
  });
});
