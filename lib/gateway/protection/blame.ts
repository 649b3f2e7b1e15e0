import type { CallHandler, CanActivate, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { isAnswer } from '../session/error-answer.js';
import { isThenable } from '../nest/wrapped-method.js';

/** Most guards and interceptors named in the log. */
const MOST_NAMES = 100;

/**
 * Logs the guard or interceptor that failed on a WebSocket message, once for each class. Most such enhancers are
 * written for HTTP and read an HTTP request, but a message has none.
 */
export class Blame {
  readonly #named = new Set<string>();
  readonly #warn: (line: string) => void;

  /** @param warn writes a line to the log of the application */
  constructor(warn: (line: string) => void) {
    this.#warn = warn;
  }

  /** The guard with its errors logged. The error is still thrown. */
  guard(guard: CanActivate): CanActivate {
    return {
      canActivate: context => this.#watch(guard, 'guard', () => guard.canActivate(context)),
    };
  }

  /** The interceptor with its own errors logged, but not the errors of the method or of streams. */
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
