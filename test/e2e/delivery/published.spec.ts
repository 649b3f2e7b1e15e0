import { Readable } from 'node:stream';
import * as nest from '@nestjs/common';
import {
  ClassSerializerInterceptor,
  Injectable,
  type NestInterceptor,
  type Provider,
  Scope,
  SerializeOptions,
} from '@nestjs/common';
import { APP_INTERCEPTOR, Reflector } from '@nestjs/core';
import { WebSocketGateway } from '@nestjs/websockets';
import { Exclude, Expose } from 'class-transformer';
import { Broadcaster, Publish, Topic } from 'nestjs-fanout';
import { of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';

class User {
  readonly name = 'Ann';
  @Exclude()
  readonly password = 'secret';
  @Expose({ groups: ['admin'] })
  readonly role = 'chief';
}

@WebSocketGateway()
class Gateway {
  @Topic('users')
  users() {}
}

@Injectable()
class Users {
  ended = 0;

  @Publish('users')
  value() {
    return new User();
  }

  @Publish('users')
  async promised() {
    return [new User()];
  }

  @Publish('users')
  @SerializeOptions({ groups: ['admin'] })
  forAdmins() {
    return new User();
  }

  @SerializeOptions({ groups: ['admin'] })
  @Publish('users')
  forAdminsToo() {
    return new User();
  }

  @Publish('users')
  observable() {
    return of(new User());
  }

  @Publish('users')
  async laterObservable() {
    return of(1);
  }

  @Publish('users')
  async *generator() {
    try {
      yield 1;
      yield 2;
      yield 3;
    } finally {
      this.ended++;
    }
  }

  @Publish('users')
  node() {
    return Readable.from([1, 2, 3]).once('close', () => this.ended++);
  }

  @Publish('users')
  web() {
    const values = [1, 2, 3];
    return new ReadableStream({
      pull: controller => {
        const value = values.shift();
        if (value === undefined) controller.close();
        else controller.enqueue(value);
        if (value === undefined) this.ended++;
      },
      cancel: () => void this.ended++,
    });
  }

  @Publish('users')
  async *unsendable() {
    try {
      yield new Map();
    } finally {
      this.ended++;
    }
  }
}

async function start(...providers: Provider[]) {
  const { url, get } = await startApp({ providers: [Gateway, Users, ...providers] });
  const client = await Client.connect(url);
  await client.subscribe('users');
  /** What was published so far. */
  const published = async (): Promise<unknown[]> => {
    get(Broadcaster).publish('users', 'marker');
    await client.until(() => client.publications('users').some(({ data }) => data === 'marker'));
    return client
      .publications('users')
      .map(({ data }) => data)
      .slice(0, -1);
  };
  return { users: get(Users), published };
}

const serializer = { provide: APP_INTERCEPTOR, useClass: ClassSerializerInterceptor };

describe('@Publish with a global ClassSerializerInterceptor', () => {
  it('publishes what the interceptor leaves, and gives the caller what the method returned', async () => {
    const { users, published } = await start(serializer);
    expect(users.value().password).toBe('secret');
    expect((await users.promised())[0]!.password).toBe('secret');
    users.observable().subscribe();
    users.forAdmins();
    users.forAdminsToo();
    const plain = { name: 'Ann' };
    const admin = { name: 'Ann', role: 'chief' };
    expect(await published()).toEqual([plain, [plain], plain, admin, admin]);
  });

  it('knows one with options of its own, too', async () => {
    const { users, published } = await start({
      provide: APP_INTERCEPTOR,
      inject: [Reflector],
      useFactory: (reflector: Reflector) => new ClassSerializerInterceptor(reflector, { groups: ['admin'] }),
    });
    users.value();
    expect(await published()).toEqual([{ name: 'Ann', role: 'chief' }]);
  });

  it.each([Scope.REQUEST, Scope.TRANSIENT])('knows one of scope %s, too', async scope => {
    const { users, published } = await start({ ...serializer, scope });
    users.value();
    expect(await published()).toEqual([{ name: 'Ann' }]);
  });

  it('publishes everything where there is none', async () => {
    const { users, published } = await start();
    users.value();
    expect(await published()).toEqual([{ name: 'Ann', password: 'secret', role: 'chief' }]);
  });
});

/** Hides everything but the name. Nest 11 has no interceptor for schemas. */
const schema = { '~standard': { validate: ({ name }: { name: string }) => ({ value: { name } }) } };

const SchemaSerializer = (nest as unknown as Record<string, new (...args: unknown[]) => NestInterceptor>)[
  'StandardSchemaSerializerInterceptor'
]!;

describe.skipIf(SchemaSerializer === undefined)(
  '@Publish with a global StandardSchemaSerializerInterceptor',
  () => {
    it('publishes what the schema leaves', async () => {
      const { users, published } = await start({
        provide: APP_INTERCEPTOR,
        inject: [Reflector],
        useFactory: (reflector: Reflector) => new SchemaSerializer(reflector, { schema }),
      });
      users.value();
      await users.promised();
      expect(await published()).toEqual([{ name: 'Ann' }, [{ name: 'Ann' }]]);
    });

    it('publishes everything where no schema is named', async () => {
      const { users, published } = await start({ provide: APP_INTERCEPTOR, useClass: SchemaSerializer });
      users.value();
      expect(await published()).toEqual([{ name: 'Ann', password: 'secret', role: 'chief' }]);
    });
  },
);

describe('@Publish on a method that returns a stream', () => {
  it.each(['generator', 'node', 'web'] as const)(
    'publishes the values that are taken (%s), and ends it',
    async kind => {
      const { users, published } = await start();
      const taken: unknown[] = [];
      for await (const value of users[kind]() as AsyncIterable<unknown>) {
        taken.push(value);
        if (value === 2) break;
      }
      expect(taken).toEqual([1, 2]);
      await eventually(() => users.ended === 1, 'the end of the stream');
      expect((await published()).slice(0, 2)).toEqual([1, 2]);
    },
  );

  it('publishes all of it, and nothing of what nobody takes', async () => {
    const { users, published } = await start();
    for (const kind of ['generator', 'node', 'web'] as const) {
      users[kind]();
      const taken: unknown[] = [];
      for await (const value of users[kind]() as AsyncIterable<unknown>) taken.push(value);
      expect(taken).toEqual([1, 2, 3]);
    }
    expect(users.node()).toBeInstanceOf(Readable);
    expect(users.web()).toBeInstanceOf(ReadableStream);
    expect(await published()).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3]);
  });

  it('publishes the values of an Observable that comes later', async () => {
    const { users, published } = await start();
    (await users.laterObservable()).subscribe();
    expect(await published()).toEqual([1]);
  });

  it('throws to the caller what cannot be published, and ends the stream', async () => {
    const { users } = await start();
    await expect(users.unsendable().next()).rejects.toThrow(
      expect.objectContaining({ code: 'FANOUT_PAYLOAD' }),
    );
    expect(users.ended).toBe(1);
  });
});
