import {
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  Scope,
  UnauthorizedException,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { WebSocketGateway } from '@nestjs/websockets';
import { from } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { HandshakeGuards } from '../../../../lib/gateway/handshake/handshake-guards.js';
import { UseHandshakeGuards } from '../../../../lib/gateway/nest/handshake-guards.decorator.js';
import { explored } from '../../../support/unit/nest-context.js';

let asked: string[];
let answer: (context: ExecutionContext) => unknown;

@Injectable()
class First implements CanActivate {
  canActivate(context: ExecutionContext): any {
    asked.push('first');
    return answer(context);
  }
}

@Injectable({ scope: Scope.REQUEST })
class Scoped implements CanActivate {
  constructor(@Inject(REQUEST) readonly request: { token: string }) {}

  canActivate(): boolean {
    asked.push(`scoped ${this.request.token}`);
    return true;
  }
}

@WebSocketGateway()
@UseHandshakeGuards(First, Scoped)
class Market {}

beforeEach(() => {
  asked = [];
  answer = () => true;
});

async function guards(globals?: object, host: new () => unknown = Market): Promise<HandshakeGuards> {
  const { explorer } = await explored([host]);
  return new HandshakeGuards(explorer.gateways[0]!, globals as never);
}

const REQUEST_OF_CLIENT = { token: 'abc' } as never;
const OPEN = { writableEnded: false } as never;

describe('HandshakeGuards.admit()', () => {
  it('asks each guard in order, with the upgrade request', async () => {
    answer = context => {
      expect(context.getType()).toBe('http');
      expect(context.getClass()).toBe(Market);
      return context.switchToHttp().getRequest() === REQUEST_OF_CLIENT;
    };
    expect(await (await guards()).admit(REQUEST_OF_CLIENT, OPEN)).toBe(true);
    expect(asked).toEqual(['first', 'scoped abc']);
  });

  it.each([
    ['refuses', () => false],
    ['refuses later', async () => false],
    ['ends with a refusal', () => from([true, false])],
  ])('asks no further guard when one %s', async (_, refuse) => {
    answer = refuse;
    expect(await (await guards()).admit(REQUEST_OF_CLIENT, OPEN)).toBe(false);
    expect(asked).toEqual(['first']);
  });

  it('refuses when a guard has answered the request itself', async () => {
    const response = { writableEnded: false };
    answer = () => (response.writableEnded = true);
    expect(await (await guards()).admit(REQUEST_OF_CLIENT, response as never)).toBe(false);
  });

  it('rejects with the error of a guard', async () => {
    answer = () => {
      throw new UnauthorizedException();
    };
    await expect((await guards()).admit(REQUEST_OF_CLIENT, OPEN)).rejects.toThrow(UnauthorizedException);
  });

  it('asks global guards before, and runs global interceptors after', async () => {
    const globals = {
      guards: async () => [{ canActivate: () => asked.push('global') > 0 }],
      intercept: async () => void asked.push('interceptors'),
    };
    expect(await (await guards(globals)).admit(REQUEST_OF_CLIENT, OPEN)).toBe(true);
    expect(asked).toEqual(['global', 'first', 'scoped abc', 'interceptors']);
  });
});

describe('HandshakeGuards', () => {
  it('stops the start for a guard that cannot be asked', async () => {
    @WebSocketGateway()
    class Unguarded {}

    const { explorer } = await explored([Unguarded]);
    const gateway = { ...explorer.gateways[0]!, handshakeGuards: [First] };
    expect(() => new HandshakeGuards(gateway, undefined)).toThrow(
      expect.objectContaining({ code: 'FANOUT_HANDSHAKE_GUARD' }),
    );
  });
});
