import { GATEWAY_OPTIONS, PARAM_ARGS_METADATA } from '@nestjs/websockets/constants.js';
import { FanoutError } from '../errors/fanout-error.js';
import { isOwnKey } from './own-metadata.js';
import { ENHANCER_KINDS } from './protection/declared.js';

/** Metadata keys of Nest's decorators on a gateway class. */
const NEST_KEYS = new Set<unknown>([GATEWAY_OPTIONS, ...Object.values(ENHANCER_KINDS).map(({ key }) => key)]);

/**
 * Makes sure that a class has the decorators of every class in its prototype chain. Some classes have the methods of another
 * class without its decorators: a proxy, a function with the prototype of a class, a prototype changed by hand.
 * @throws FanoutError FANOUT_CLASS_REPLACED
 */
export function assertClassChain(metatype: Function): void {
  const classes = new Set<unknown>();
  for (let each: unknown = metatype; typeof each === 'function'; each = Object.getPrototypeOf(each))
    classes.add(each);
  let prototype = metatype.prototype as object | null;
  for (; prototype !== null; prototype = Object.getPrototypeOf(prototype) as object | null) {
    const author: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
    if (typeof author === 'function' && !classes.has(author) && isDecorated(author, prototype))
      throw new FanoutError('FANOUT_CLASS_REPLACED', metatype.name, author.name);
  }
}

/** Whether a class or its methods have decorators of Nest or of this package. */
function isDecorated(author: Function, prototype: object): boolean {
  return (
    Reflect.getOwnMetadataKeys(author).some(key => NEST_KEYS.has(key) || isOwnKey(key)) ||
    Object.getOwnPropertyNames(prototype).some(method =>
      Reflect.hasOwnMetadata(PARAM_ARGS_METADATA, author, method),
    )
  );
}
