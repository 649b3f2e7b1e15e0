import { describe, expect, it } from 'vitest';
import { releaseEnhancers } from '../../../../lib/gateway/nest/scope-release.js';

describe('releaseEnhancers', () => {
  it('takes the enhancers off the list of a gateway, and keeps its scope', () => {
    const [guard, other] = [class {}, class {}];
    const noted = [{ token: guard }, { token: other }];
    const wrapper = {
      getEnhancersMetadata: () => noted,
      isDependencyTreeStatic: () => noted.every(({ token }) => token !== guard),
    };
    releaseEnhancers(wrapper as never, [guard, class {}]);
    expect(noted).toEqual([{ token: other }]);
    expect(wrapper.isDependencyTreeStatic()).toBe(false);
  });

  it('takes off one of two notes of the same enhancer', () => {
    const guard = class {};
    const noted = [{ token: guard }, { token: guard }];
    releaseEnhancers({ getEnhancersMetadata: () => noted, isDependencyTreeStatic: () => true } as never, [
      guard,
    ]);
    expect(noted).toHaveLength(1);
  });

  it('changes nothing in a gateway without a list', () => {
    const wrapper = { getEnhancersMetadata: () => undefined, isDependencyTreeStatic: () => true };
    releaseEnhancers(wrapper as never, [class {}]);
    expect(wrapper.isDependencyTreeStatic()).toBe(true);
  });
});
