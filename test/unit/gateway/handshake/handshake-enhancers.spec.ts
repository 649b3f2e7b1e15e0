import type { ApplicationConfig } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { HandshakeEnhancers } from '../../../../lib/gateway/handshake/handshake-enhancers.js';

const scope = (): never => {
  throw new Error('nothing here has a scope');
};

function enhancers(guards: unknown[], interceptors: unknown[] = []): HandshakeEnhancers {
  return new HandshakeEnhancers({
    getGlobalGuards: () => guards,
    getGlobalRequestGuards: () => [],
    getGlobalInterceptors: () => interceptors,
    getGlobalRequestInterceptors: () => [],
  } as unknown as ApplicationConfig);
}

describe('HandshakeEnhancers', () => {
  it('knows a guard that was added after it was made', async () => {
    const guards: unknown[] = [];
    const all = enhancers(guards);
    expect(await all.guards(scope)).toEqual([]);
    const guard = { canActivate: () => true };
    guards.push(guard);
    expect(await all.guards(scope)).toEqual([guard]);
  });

  it.each([{}, undefined, null, class Guard {}])(
    'does not leave out %s, which cannot be asked',
    async guard => {
      await expect(enhancers([guard]).guards(scope)).rejects.toThrow('A global guard has no canActivate()');
    },
  );

  it('does not leave out an interceptor that cannot be run', async () => {
    await expect(enhancers([], [{}]).intercept({} as never, scope)).rejects.toThrow(TypeError);
  });
});
