import { UseGuards } from '@nestjs/common';
import { GUARDS_METADATA } from '@nestjs/common/constants.js';
import { afterEach, describe, expect, it } from 'vitest';
import { assertProtected, Canary } from '../../../../lib/gateway/protection/canary.js';
import { explored } from '../../../support/unit/nest-context.js';

const guarded = Object.getOwnPropertyDescriptor(Canary.prototype, 'guarded')!.value as object;
const guards: unknown = Reflect.getMetadata(GUARDS_METADATA, guarded);

afterEach(() => Reflect.defineMetadata(GUARDS_METADATA, guards, guarded));

describe('assertProtected', () => {
  it('passes when Nest builds and finds every enhancer', async () => {
    const { modules } = await explored([Canary]);
    await expect(assertProtected(modules)).resolves.toBeUndefined();
  });

  it('fails when a guard is not asked', async () => {
    const { modules } = await explored([Canary]);
    Reflect.deleteMetadata(GUARDS_METADATA, guarded);
    await expect(assertProtected(modules)).rejects.toMatchObject({ code: 'FANOUT_CANARY' });
  });

  it('fails when Nest has not built a guard', async () => {
    const { modules } = await explored([Canary]);
    class Unknown {
      canActivate(): boolean {
        return false;
      }
    }
    Reflect.deleteMetadata(GUARDS_METADATA, guarded);
    UseGuards(Unknown)(Canary.prototype, 'guarded', { value: guarded });
    await expect(assertProtected(modules)).rejects.toMatchObject({ code: 'FANOUT_PROTECTION' });
  });
});
