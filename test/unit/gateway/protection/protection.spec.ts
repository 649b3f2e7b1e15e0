import {
  type CanActivate,
  type ExecutionContext,
  Injectable,
  type PipeTransform,
  Scope,
  UseGuards,
} from '@nestjs/common';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { Blame } from '../../../../lib/gateway/protection/blame.js';
import { type GlobalEnhancers, Protection } from '../../../../lib/gateway/protection/protection.js';
import { GuardRefusal } from '../../../../lib/gateway/nest/guard-refusal.js';
import { attachSession } from '../../../../lib/gateway/session/client-session.js';
import { explored } from '../../../support/unit/nest-context.js';

const asked: string[] = [];

@Injectable()
class Own implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    asked.push(`own ${context.getHandler().name}`);
    return context.switchToWs().getData<string>() !== 'no';
  }
}

@Injectable({ scope: Scope.REQUEST })
class PerConnection implements CanActivate {
  static made = 0;

  constructor() {
    PerConnection.made++;
  }

  canActivate(): boolean {
    return true;
  }
}

@WebSocketGateway()
class Gateway {
  @SubscribeMessage('bare')
  bare(@MessageBody() body: unknown): unknown {
    return ['bare', body];
  }

  @UseGuards(Own)
  @SubscribeMessage('guarded')
  guarded(@MessageBody() body: unknown): unknown {
    return ['guarded', body];
  }
}

@WebSocketGateway()
class ScopedGateway {
  @UseGuards(PerConnection)
  @SubscribeMessage('scoped')
  scoped(): string {
    return 'scoped';
  }
}

const globals = (more: Partial<Record<keyof GlobalEnhancers, () => unknown[]>> = {}): GlobalEnhancers =>
  ({
    getGlobalGuards: () => [],
    getGlobalPipes: () => [],
    getGlobalInterceptors: () => [],
    getGlobalRequestGuards: () => [],
    getGlobalRequestPipes: () => [],
    getGlobalRequestInterceptors: () => [],
    ...more,
  }) as unknown as GlobalEnhancers;

async function handlerOf(method: string, config = globals(), host: new () => unknown = Gateway) {
  const { explorer } = await explored([host]);
  const gateway = explorer.gateways[0]!;
  const handle = new Protection(config, new Blame(() => {})).handler(gateway, method);
  const client = {};
  attachSession(client as never, { endpoint: { server: {} } } as never);
  return (body: unknown): unknown => handle(client as never, body, { streamed: stream => stream }, method);
}

describe('Protection.handler()', () => {
  it('calls a method without enhancers within the call', async () => {
    expect((await handlerOf('bare'))('x')).toEqual(['bare', 'x']);
  });

  it('asks the guard of a method, with the method in its context', async () => {
    const handle = await handlerOf('guarded');
    expect(await handle('yes')).toEqual(['guarded', 'yes']);
    await expect(Promise.resolve(handle('no'))).rejects.toBeInstanceOf(GuardRefusal);
    expect(asked).toEqual(['own guarded', 'own guarded']);
  });

  it('asks global guards before, and runs global pipes', async () => {
    asked.length = 0;
    const guard: CanActivate = { canActivate: () => asked.push('global') > 0 };
    const pipe: PipeTransform = { transform: value => `piped ${value as string}` };
    const handle = await handlerOf(
      'guarded',
      globals({ getGlobalGuards: () => [guard], getGlobalPipes: () => [pipe] }),
    );
    expect(await handle('x')).toEqual(['guarded', 'piped x']);
    expect(asked).toEqual(['global', 'own guarded']);
  });

  it('builds a request-scoped guard once for a connection', async () => {
    const handle = await handlerOf('scoped', globals(), ScopedGateway);
    PerConnection.made = 0;
    expect(await handle(undefined)).toBe('scoped');
    expect(await handle(undefined)).toBe('scoped');
    expect(PerConnection.made).toBe(1);
  });

  it('stops the start for a global enhancer that is none', async () => {
    await expect(handlerOf('bare', globals({ getGlobalGuards: () => [{}] }))).rejects.toMatchObject({
      code: 'FANOUT_PROTECTION',
    });
  });
});
