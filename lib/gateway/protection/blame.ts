import type { CallHandler, CanActivate, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { isAnswer } from '../error-frame.js';
import { isThenable } from '../wrapped-method.js';

/** Guards and interceptors named in the log; more than these an application does not have. */
const MOST_NAMES = 100;

/**
 * Names the guard or interceptor that failed on a WebSocket message, once for each class. Most of them were written for
 * HTTP and read the request of a message, which has none.
 */
export class Blame {
  readonly #named = new Set<string>();
  readonly #warn: (line: string) => void;

  /** @param warn writes a line to the log of the application */
  constructor(warn: (line: string) => void) {
    this.#warn = warn;
  }

  /** The guard, whose failures are noted. What it throws is thrown all the same. */
  guard(guard: CanActivate): CanActivate {
    return {
      canActivate: context => this.#watch(guard, 'guard', () => guard.canActivate(context)),
    };
  }

  /** The interceptor, whose own failures are noted; those of the method and of streams are not its own. */
  interceptor(interceptor: NestInterceptor): NestInterceptor {
    return {
      intercept: (context: ExecutionContext, next: CallHandler) =>
        this.#watch(interceptor, 'interceptor', () => interceptor.intercept(context, next)),
    };
  }

  #watch<T>(enhancer: object, noun: string, run: () => T): T {
    try {
      const result = run();
      if (!isThenable(result)) return result;
      return Promise.resolve(result).catch((error: unknown) => this.#rethrow(enhancer, noun, error)) as T;
    } catch (error) {
      return this.#rethrow(enhancer, noun, error);
    }
  }

  #rethrow(enhancer: object, noun: string, error: unknown): never {
    if (!isAnswer(error)) this.#name(enhancer.constructor.name, noun, error);
    throw error;
  }

  #name(name: string, noun: string, error: unknown): void {
    if (this.#named.has(name) || this.#named.size >= MOST_NAMES) return;
    this.#named.add(name);
    this.#warn(
      `The ${noun} ${name} failed on a WebSocket message, which is refused: ${oneLine(error)}. If it reads the HTTP ` +
        `request of a WebSocket message: return early when context.getType() is 'ws', or set the option ` +
        `globalEnhancers to 'handshake' where it is a global one.`,
    );
  }
}

function oneLine(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text.replaceAll(/\s+/g, ' ').slice(0, 200);
}
