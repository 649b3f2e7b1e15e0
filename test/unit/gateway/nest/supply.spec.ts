import { Injectable, Scope } from '@nestjs/common';
import { ContextIdFactory, ModulesContainer } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { WebSocketGateway } from '@nestjs/websockets';
import { UseGuards } from '@nestjs/common';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Module } from '../../../../lib/gateway/nest/private-api.js';
import { globalSupply, load, supplyOf } from '../../../../lib/gateway/nest/supply.js';

@Injectable()
class Shared {
  canActivate(): boolean {
    return true;
  }
}

@Injectable({ scope: Scope.REQUEST })
class Scoped {
  canActivate(): boolean {
    return true;
  }
}

class Unknown extends Shared {}

class OfStatic {
  static canActivate(): boolean {
    return true;
  }
}

@UseGuards(Shared, Scoped)
@WebSocketGateway()
class Market {}

let host: Module;

beforeAll(async () => {
  const testing = await Test.createTestingModule({ providers: [Market] }).compile();
  host = [...testing.get(ModulesContainer).values()].find(({ providers }) => providers.has(Market))!;
});

describe('supplyOf', () => {
  it('has the one instance that Nest has built for a class', () => {
    const { instance } = supplyOf('guards', Shared, host);
    expect(instance).toBeInstanceOf(Shared);
    expect(supplyOf('guards', Shared, host).instance).toBe(instance);
  });

  it('builds an enhancer of a scope for each context', async () => {
    const supply = supplyOf('guards', Scoped, host);
    const [first, second] = [ContextIdFactory.create(), ContextIdFactory.create()];
    const built = await load(supply, first);
    expect(built).toBeInstanceOf(Scoped);
    expect(await load(supply, first)).toBe(built);
    expect(await load(supply, second)).not.toBe(built);
  });

  it('takes an object, and a class whose method is static, as they are', () => {
    const guard = { canActivate: () => true };
    expect(supplyOf('guards', guard, host).instance).toBe(guard);
    expect(supplyOf('guards', OfStatic, host).instance).toBe(OfStatic);
  });

  it('leaves out no class that Nest has not built', () => {
    expect(() => supplyOf('guards', Unknown, host)).toThrow('Nest has not built the guard Unknown');
  });

  it.each([{}, undefined, null, 'guard'])('takes no %o for an enhancer', ref => {
    expect(() => supplyOf('guards', ref, host)).toThrow('without a method canActivate()');
    expect(() => globalSupply('guards', ref)).toThrow(TypeError);
  });
});
