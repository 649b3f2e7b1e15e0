import { FanoutError } from '../../errors/fanout-error.js';

/** Copy of this package in the process. */
interface Copy {
  /** Folder of the copy, read from a stack trace; undefined in a bundle. */
  readonly folder: string;
}

const COPIES = Symbol.for('nestjs-fanout:copies');

/** Metadata keys of all copies of this package in the process. */
const keys = ((globalThis as { [COPIES]?: Map<symbol, Copy> })[COPIES] ??= new Map<symbol, Copy>());

const UNKNOWN: Copy = { folder: 'an unknown folder' };

const OWN: Copy = {
  folder:
    /\(?(?:file:\/\/)?([^\s(]*)[/\\]gateway[/\\]nest[/\\]own-metadata\.[cm]?[jt]s/.exec(
      new Error().stack ?? '',
    )?.[1] ?? UNKNOWN.folder,
};

/**
 * Makes a metadata key for our decorators. The key is known to every copy of this package in the process, so that the
 * start fails for a class with decorators of another copy.
 */
export function ownKey(name: string): symbol {
  const key = Symbol(`fanout:${name}`);
  keys.set(key, OWN);
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
  const found: unknown[] = [...Reflect.getMetadataKeys(metatype)];
  for (const factory of parameterFactories) found.push(...Object.getOwnPropertySymbols(factory));
  for (const key of found) {
    if (typeof key !== 'symbol' || !key.description?.startsWith('fanout:')) continue;
    const copy = keys.get(key) ?? UNKNOWN;
    if (copy !== OWN) throw new FanoutError('FANOUT_COPIES', metatype.name, OWN.folder, copy.folder);
  }
}
