import { INJECTABLE_WATERMARK, PARAM_ARGS_METADATA } from './private-api.js';
import { FanoutError } from '../../errors/fanout-error.js';

/**
 * Makes sure that a class has the decorators of every class in its prototype chain. Some classes have the methods of another
 * class without its decorators: a proxy, a function with the prototype of a class, a prototype changed by hand.
 * @throws FanoutError FANOUT_CLASS_REPLACED
 */
export function assertClassChain(metatype: Function): void {
  const classes = new Set<unknown>();
  for (let each: unknown = metatype; typeof each === 'function'; each = Object.getPrototypeOf(each))
    classes.add(each);
  // `@Catch()` on a filter that is a plain object writes its metadata to `Object`.
  classes.add(Object);
  let prototype = metatype.prototype as object | null;
  for (; prototype !== null; prototype = Object.getPrototypeOf(prototype) as object | null) {
    const author: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
    if (typeof author === 'function' && !classes.has(author) && isDecorated(author, prototype))
      throw new FanoutError('FANOUT_CLASS_REPLACED', metatype.name, author.name);
  }
}

/** Tells whether a class has decorators that a guard may read. */
function isDecorated(author: Function, prototype: object): boolean {
  return (
    Reflect.getOwnMetadataKeys(author).some(key => !isStandardKey(String(key))) ||
    Object.getOwnPropertyNames(prototype).some(method =>
      Reflect.hasOwnMetadata(PARAM_ARGS_METADATA, author, method),
    )
  );
}

/** Tells whether a key comes from the compiler or from `@Injectable()`. */
function isStandardKey(key: string): boolean {
  return key === INJECTABLE_WATERMARK || key.startsWith('design:');
}
