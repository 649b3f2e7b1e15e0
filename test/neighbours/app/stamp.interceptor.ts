import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { map, type Observable } from 'rxjs';

/** The APP_INTERCEPTOR: marks each plain object that a handler returns with the kind of its context. */
@Injectable()
export class StampInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const kind = context.getType<string>();
    return next
      .handle()
      .pipe(map(value => (isPlainObject(value) ? Object.assign({}, value, { stamp: kind }) : value)));
  }
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
