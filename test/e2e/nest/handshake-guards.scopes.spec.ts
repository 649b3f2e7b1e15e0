import {
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  Scope,
  UseGuards,
} from '@nestjs/common';
import { ContextIdFactory, type HostComponentInfo, ModuleRef, REQUEST } from '@nestjs/core';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { UseHandshakeGuards } from 'nestjs-fanout';
import type { IncomingMessage } from 'node:http';
import { beforeEach, describe, expect, it } from 'vitest';
import { isFirstOfMajor } from '../../support/nest-version.js';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';
import { upgrade } from '../../support/upgrade.js';

/** Reads the request where it is built, as providers of a request do: a socket has no headers. */
@Injectable({ scope: Scope.REQUEST })
class Tenant {
  static readonly built: string[] = [];
  readonly name: string;

  constructor(@Inject(REQUEST) request: IncomingMessage) {
    this.name = String(request.headers['x-tenant']);
    Tenant.built.push(this.name);
  }
}

@Injectable()
class TenantGuard implements CanActivate {
  constructor(private readonly tenant: Tenant) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    // Others come in between.
    await new Promise(resolve => setImmediate(resolve));
    const request = context.switchToHttp().getRequest();
    request.user = { id: this.tenant.name };
    return this.tenant.name === request.headers['x-tenant'] && this.tenant.name !== 'bad';
  }
}

@Injectable({ scope: Scope.REQUEST })
class ScopedGuard extends TenantGuard {}

@WebSocketGateway({ path: '/tenants' })
@UseHandshakeGuards(TenantGuard, { canActivate: () => true })
class TenantGateway {}

@WebSocketGateway({ path: '/scoped' })
@UseHandshakeGuards(ScopedGuard)
class ScopedGateway {
  static built = 0;
  readonly number = ++ScopedGateway.built;

  @SubscribeMessage('number')
  answer() {
    return { event: 'number', data: this.number };
  }
}

const connect = (url: string, tenant: string): Promise<Client> =>
  Client.connect(url, [], { headers: { 'x-tenant': tenant } });

describe('A handshake guard that depends on the request', () => {
  beforeEach(() => {
    Tenant.built.length = ScopedGateway.built = 0;
  });

  it('is built for each upgrade, with its request', async () => {
    const { url } = await startApp({ providers: [TenantGateway, Tenant] });
    await Promise.all(['a', 'b', 'c'].map(name => connect(`${url}/tenants`, name)));
    expect(Tenant.built.toSorted()).toEqual(['a', 'b', 'c']);
  });

  it('makes its gateway one of its scope, but only for whoever was let in', async () => {
    const { url } = await startApp({ providers: [ScopedGateway, Tenant] });
    expect(await upgrade(`${url}/scoped`, { 'x-tenant': 'bad' })).toMatchObject({ status: 403 });
    expect(ScopedGateway.built).toBe(0);
    const [one, other] = [await connect(`${url}/scoped`, 'a'), await connect(`${url}/scoped`, 'a')];
    const number = (client: Client): Promise<any> => client.request('number');
    const numbers = [await number(one), await number(one), await number(other)];
    expect(numbers.map(({ data }) => data)).toEqual([1, 1, 2]);
    // It is built of the upgrade request alone; the connection's own context has a socket in its place.
    expect(Tenant.built).toEqual(['bad', 'a', 'a']);
  });

  it('is built for the connection too where it guards messages as well', async () => {
    const built: unknown[] = [];
    @Injectable({ scope: Scope.REQUEST })
    class BothGuard implements CanActivate {
      constructor(@Inject(REQUEST) request: object) {
        built.push('headers' in request ? 'request' : 'socket');
      }

      canActivate(): boolean {
        return true;
      }
    }
    @WebSocketGateway({ path: '/both' })
    @UseHandshakeGuards(BothGuard)
    class BothGateway {
      @SubscribeMessage('hello')
      @UseGuards(BothGuard)
      hello() {
        return { event: 'hello' };
      }
    }
    const { url } = await startApp({ providers: [BothGateway] });
    const client = await Client.connect(`${url}/both`);
    expect(await client.request('hello')).toMatchObject({ event: 'hello' });
    expect(built).toEqual(['request', 'socket']);
  });

  it('is another one each time when it is transient', async () => {
    let built = 0;
    @Injectable({ scope: Scope.TRANSIENT })
    class TransientGuard implements CanActivate {
      readonly number = ++built;
      #asked = false;

      constructor(readonly moduleRef: ModuleRef) {}

      canActivate(): boolean {
        const first = !this.#asked;
        this.#asked = true;
        return first && this.moduleRef !== undefined;
      }
    }
    @WebSocketGateway({ path: '/transient' })
    @UseHandshakeGuards(TransientGuard)
    class TransientGateway {}
    const { url } = await startApp({ providers: [TransientGateway] });
    await Client.connect(`${url}/transient`);
    await Client.connect(`${url}/transient`);
  });

  // The first versions give the request to a shared guard, in place of the tenant.
  it.skipIf(isFirstOfMajor)('may be shared by tenant', async () => {
    let built = 0;
    @Injectable({ scope: Scope.REQUEST, durable: true })
    class DurableGuard implements CanActivate {
      readonly number = ++built;

      constructor(@Inject(REQUEST) readonly tenant: { name: string }) {}

      canActivate(context: ExecutionContext): boolean {
        return this.tenant.name === context.switchToHttp().getRequest().headers['x-tenant'];
      }
    }
    @WebSocketGateway({ path: '/durable' })
    @UseHandshakeGuards(DurableGuard)
    class DurableGateway {}
    const trees = new Map<string, { id: number }>();
    ContextIdFactory.apply({
      attach(contextId, request: IncomingMessage) {
        const name = String(request.headers?.['x-tenant']);
        const tree = trees.get(name) ?? { id: trees.size + 1 };
        trees.set(name, tree);
        return {
          resolve: (info: HostComponentInfo) => (info.isTreeDurable ? tree : contextId),
          payload: { name },
        };
      },
    });
    try {
      const { url } = await startApp({ providers: [DurableGateway] });
      for (const name of ['a', 'b', 'a']) await connect(`${url}/durable`, name);
      expect(built).toBe(2);
    } finally {
      ContextIdFactory.apply(undefined as never);
    }
  });
});
