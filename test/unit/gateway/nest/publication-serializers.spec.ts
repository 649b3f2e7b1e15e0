import { ClassSerializerInterceptor } from '@nestjs/common';
import { ApplicationConfig, Reflector } from '@nestjs/core';
import { Exclude } from 'class-transformer';
import { describe, expect, it } from 'vitest';
import {
  isSerializer,
  serializedPublication,
  serializePublications,
} from '../../../../lib/gateway/nest/publication-serializers.js';

class Account {
  owner = 'ann';

  @Exclude()
  password = 'secret';
}

const METHOD = { handler: () => {}, target: class {} };

async function serializedWith(interceptors: readonly unknown[], value: unknown): Promise<unknown> {
  const config = new ApplicationConfig();
  for (const interceptor of interceptors) config.addGlobalInterceptor(interceptor as never);
  const broadcaster = {} as never;
  await serializePublications(broadcaster, config);
  return serializedPublication(broadcaster, METHOD, value);
}

describe('serializedPublication', () => {
  it('hides what a global ClassSerializerInterceptor hides', async () => {
    const serializer = new ClassSerializerInterceptor(new Reflector());
    expect(await serializedWith([serializer], new Account())).toEqual({ owner: 'ann' });
  });

  it('asks no other interceptor, and leaves the value without a serializer', async () => {
    const account = new Account();
    const other = { intercept: () => expect.unreachable() };
    expect(await serializedWith([other, undefined], account)).toBe(account);
    expect(serializedPublication({} as never, METHOD, account)).toBe(account);
  });

  it('validates with the schema of a schema serializer, and leaves a value without one', async () => {
    const schema = { '~standard': { validate: ({ owner }: Account) => ({ value: { owner } }) } };
    class StandardSchemaSerializerInterceptor {
      constructor(readonly options: object) {}
      getContextOptions(): object {
        return this.options;
      }
      serialize(): never {
        return expect.unreachable();
      }
      intercept(): void {}
    }
    const account = new Account();
    expect(await serializedWith([new StandardSchemaSerializerInterceptor({ schema })], account)).toEqual({
      owner: 'ann',
    });
    expect(await serializedWith([new StandardSchemaSerializerInterceptor({})], account)).toBe(account);
  });
});

describe('isSerializer', () => {
  it.each([undefined, {}, { serialize: () => {} }, { intercept: () => {} }])('is false for %o', value => {
    expect(isSerializer(value)).toBe(false);
  });
});
