import { FanoutError } from '../errors/fanout-error.js';

/** Copies of this package in the process, by the metadata keys that each has made. */
type Copies = Map<symbol, string>;

const COPIES = Symbol.for('nestjs-fanout:copies');

/** Folder that this copy was loaded from, as far as a stack tells; a bundle has none. */
const FOLDER =
  /\(?(?:file:\/\/)?([^\s(]*)[/\\]gateway[/\\]own-metadata\.[cm]?[jt]s/.exec(new Error().stack ?? '')?.[1] ??
  'an unknown folder';

const copies = ((globalThis as { [COPIES]?: Copies })[COPIES] ??= new Map());

/**
 * Makes a key for metadata of our decorators. It is known to every copy of this package in the process, so that a class
 * with decorators of another copy is noticed instead of being served without them.
 */
export function ownKey(name: string): symbol {
  const key = Symbol(`fanout:${name}`);
  copies.set(key, FOLDER);
  return key;
}

const PARAMETER = ownKey('parameter');

/** Marks the function of a parameter decorator as ours. */
export function ownParameter<T extends object>(factory: T): T {
  return Object.defineProperty(factory, PARAMETER, { value: true });
}

/**
 * Makes sure that a class has decorators of this copy only, on itself, its methods and their parameters.
 * @throws FanoutError FANOUT_COPIES
 */
export function assertOwnDecorators(metatype: Function, parameterFactories: Iterable<object>): void {
  const keys: unknown[] = [...Reflect.getMetadataKeys(metatype)];
  for (const factory of parameterFactories) keys.push(...Object.getOwnPropertySymbols(factory));
  for (const key of keys) {
    if (typeof key !== 'symbol' || !key.description?.startsWith('fanout:')) continue;
    const folder = copies.get(key);
    if (folder !== FOLDER)
      throw new FanoutError('FANOUT_COPIES', metatype.name, FOLDER, folder ?? 'an unknown folder');
  }
}
