import {
  CUSTOM_ROUTE_ARGS_METADATA,
  EXCEPTION_FILTERS_METADATA,
  GUARDS_METADATA,
  INTERCEPTORS_METADATA,
  PARAM_ARGS_METADATA,
  PARAMTYPES_METADATA,
  PIPES_METADATA,
  WsParamtype,
} from './private-api.js';

/** Kinds of enhancers, each with the metadata key of Nest's decorator and the name of its method. */
export const ENHANCER_KINDS = {
  guards: { key: GUARDS_METADATA, noun: 'guard', member: 'canActivate' },
  pipes: { key: PIPES_METADATA, noun: 'pipe', member: 'transform' },
  interceptors: { key: INTERCEPTORS_METADATA, noun: 'interceptor', member: 'intercept' },
  filters: { key: EXCEPTION_FILTERS_METADATA, noun: 'filter', member: 'catch' },
} as const;

export type EnhancerKind = keyof typeof ENHANCER_KINDS;

/** Class or object in the arguments of a decorator. */
export type EnhancerRef = unknown;

/** Parameter of a handler, as its decorator describes it. */
export interface DeclaredParameter {
  readonly index: number;
  /** Number of a {@link WsParamtype}, or a text for decorators made with `createParamDecorator()`. */
  readonly type: number | string;
  /** Argument of the decorator. */
  readonly data: unknown;
  /** Function of a decorator made with `createParamDecorator()`. */
  readonly factory: ((data: unknown, context: unknown) => unknown) | undefined;
  /** Type of the parameter, as noted by the compiler. */
  readonly metatype: unknown;
  /** Standard Schema of the parameter, on versions of Nest that support schemas. */
  readonly schema: unknown;
  readonly pipes: readonly EnhancerRef[];
}

/** All enhancers that the decorators of a method name: first those of the class, then those of the method. */
export interface DeclaredRoute extends Readonly<Record<EnhancerKind, readonly EnhancerRef[]>> {
  /** `Class.method`, for messages. */
  readonly name: string;
  readonly metatype: Function;
  readonly method: string;
  /** Decorated function with the metadata. `getHandler()` returns this function. */
  readonly handler: Function;
  readonly parameters: readonly DeclaredParameter[];
}

/** Metadata of one parameter, as stored by Nest's decorators. */
interface ParameterMetadata {
  readonly index: number;
  readonly data?: unknown;
  readonly factory?: DeclaredParameter['factory'];
  readonly pipes?: readonly EnhancerRef[];
  readonly schema?: unknown;
}

/** Parameters of a handler without parameter decorators: `(client, data)`. */
const UNDECORATED: Record<string, ParameterMetadata> = {
  [`${WsParamtype.SOCKET}:0`]: { index: 0 },
  [`${WsParamtype.PAYLOAD}:1`]: { index: 1 },
};

/**
 * Reads the decorators of a method, its class and its parameters. The metadata comes from the class and its prototype,
 * never from an instance, so a constructor that binds or wraps methods loses no enhancer.
 *
 * @param instance the gateway; a function of the instance that replaces the method may have decorators of its own
 */
export function declaredRoute(metatype: Function, method: string, instance?: object): DeclaredRoute {
  const handler = (metatype.prototype as Record<string, Function>)[method]!;
  const own = (instance as Record<string, unknown> | undefined)?.[method];
  const refs = (kind: EnhancerKind): EnhancerRef[] => {
    const { key } = ENHANCER_KINDS[kind];
    const ofMethod = refsIn(key, handler);
    // A wrapper with copied metadata names the same enhancers again.
    const added = typeof own === 'function' ? refsIn(key, own).filter(ref => !ofMethod.includes(ref)) : [];
    return [...refsIn(key, metatype), ...ofMethod, ...added];
  };
  return {
    name: `${metatype.name}.${method}`,
    metatype,
    method,
    handler,
    guards: refs('guards'),
    pipes: refs('pipes'),
    interceptors: refs('interceptors'),
    filters: refs('filters'),
    parameters: parametersOf(metatype, method),
  };
}

/**
 * Tells whether a replacement function has all metadata of the original: its enhancers, and data for guards, such as
 * roles.
 */
export function keepsMetadata(current: Function, written: unknown): boolean {
  if (current === written || typeof written !== 'function') return true;
  if (!Reflect.getMetadataKeys(written).every(key => Reflect.hasMetadata(key, current))) return false;
  return Object.values(ENHANCER_KINDS).every(({ key }) => {
    const kept = refsIn(key, current);
    return refsIn(key, written).every(ref => kept.includes(ref));
  });
}

function refsIn(key: string, target: Function): readonly EnhancerRef[] {
  return (Reflect.getMetadata(key, target) as readonly EnhancerRef[] | undefined) ?? [];
}

function parametersOf(metatype: Function, method: string): DeclaredParameter[] {
  const metadata = (Reflect.getMetadata(PARAM_ARGS_METADATA, metatype, method) ?? UNDECORATED) as Record<
    string,
    ParameterMetadata
  >;
  const metatypes = Reflect.getMetadata(PARAMTYPES_METADATA, metatype.prototype as object, method) as
    readonly unknown[] | undefined;
  // A subclass adds its parameter decorators to those of its base class. The last one counts.
  const present = new Map(Object.entries(metadata).map(entry => [entry[1].index, entry]));
  return [...present.values()].map(([key, { index, data, factory, pipes, schema }]) => {
    const type = key.slice(0, key.lastIndexOf(':'));
    return {
      index,
      type: type.includes(CUSTOM_ROUTE_ARGS_METADATA) ? type : Number(type),
      data,
      factory,
      metatype: metatypes?.[index],
      schema,
      pipes: pipes ?? [],
    };
  });
}
