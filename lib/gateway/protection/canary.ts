import {
  type CallHandler,
  type CanActivate,
  Catch,
  type ExceptionFilter,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  type PipeTransform,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { MessageBody } from '@nestjs/websockets';
import type { Observable } from 'rxjs';
import { isObservable, lastValueFrom, map } from 'rxjs';
import type { WebSocket } from 'ws';
import type { InstanceWrapper } from '../nest/private-api.js';
import { FanoutError } from '../../errors/fanout-error.js';
import type { Invocation } from '../nest/invocation.js';
import { GuardRefusal } from '../nest/guard-refusal.js';
import { Blame } from './blame.js';
import { type GlobalEnhancers, Protection } from './protection.js';

/** Exception thrown by the pipe and by the filtered method of the canary. */
class Chirp extends Error {}

@Injectable()
class DenyingGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.getClass() !== Canary;
  }
}

@Injectable()
class FailingPipe implements PipeTransform {
  transform(): never {
    throw new Chirp();
  }
}

@Injectable()
class DoublingInterceptor implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map(value => (value as number) * 2));
  }
}

@Catch(Chirp)
class SilencingFilter implements ExceptionFilter {
  catch(): void {}
}

/**
 * Class with one method for each kind of enhancer. Nest builds the class and its enhancers as for a gateway, but does not
 * serve it. {@link assertProtected} calls the methods once at start.
 */
@Injectable()
export class Canary {
  @UseGuards(DenyingGuard)
  guarded(): void {}

  @UsePipes(FailingPipe)
  piped(@MessageBody() body: unknown): unknown {
    return body;
  }

  parameterPiped(@MessageBody(FailingPipe) body: unknown): unknown {
    return body;
  }

  @UseInterceptors(DoublingInterceptor)
  intercepted(): number {
    return 21;
  }

  @UseFilters(SilencingFilter)
  filtered(): never {
    throw new Chirp();
  }
}

/** Empty list of global enhancers: the application's enhancers do not run in the check at start. */
const NO_GLOBALS: GlobalEnhancers = {
  getGlobalGuards: () => [],
  getGlobalPipes: () => [],
  getGlobalInterceptors: () => [],
  getGlobalRequestGuards: () => [],
  getGlobalRequestPipes: () => [],
  getGlobalRequestInterceptors: () => [],
};

/** Outcome of one call of a canary's method. */
interface Outcome {
  readonly value: unknown;
  readonly thrown: unknown;
  readonly filtered: boolean;
}

/** Proof that the enhancer was asked, for each method of {@link Canary}. */
const EXPECTED: Record<string, { noun: string; holds(outcome: Outcome): boolean }> = {
  guarded: { noun: 'guard', holds: ({ thrown }) => thrown instanceof GuardRefusal },
  piped: { noun: 'pipe', holds: ({ thrown }) => thrown instanceof Chirp },
  parameterPiped: { noun: 'pipe of a parameter', holds: ({ thrown }) => thrown instanceof Chirp },
  intercepted: { noun: 'interceptor', holds: ({ value }) => value === 42 },
  filtered: { noun: 'filter', holds: ({ filtered }) => filtered },
};

/**
 * Calls each method of the canary like a message, and checks that the enhancer of the method was asked.
 *
 * @param modules modules of the application, one of which provides the canary
 * @throws FanoutError FANOUT_CANARY; FANOUT_PROTECTION when Nest has not built an enhancer
 */
export async function assertProtected(modules: ModulesContainer): Promise<void> {
  const wrapper = [...modules.values()].map(({ providers }) => providers.get(Canary)).find(Boolean)!;
  const protection = new Protection(NO_GLOBALS, new Blame(() => {}));
  for (const [method, { noun, holds }] of Object.entries(EXPECTED))
    if (!holds(await outcomeOf(protection, wrapper, method))) throw new FanoutError('FANOUT_CANARY', noun);
}

async function outcomeOf(protection: Protection, wrapper: InstanceWrapper, method: string): Promise<Outcome> {
  let filtered = false;
  const invocation: Invocation = {
    filtered: () => void (filtered = true),
    streamed: stream => stream,
  };
  const handle = protection.handler({ metatype: Canary, wrapper }, method);
  try {
    const result = await handle({} as WebSocket, undefined, invocation, method);
    return {
      value: isObservable(result) ? await lastValueFrom(result) : result,
      thrown: undefined,
      filtered,
    };
  } catch (thrown) {
    return { value: undefined, thrown, filtered };
  }
}
