import { FanoutError, shown } from '../errors/fanout-error.js';

/** Rule for a value, in words and as a test, so that the text of an error always matches the check. */
export interface Rule {
  readonly must: string;
  readonly holds: (value: unknown) => boolean;
  readonly default: unknown;
}

/** The rules of one group of options: one for each name of the resolved group, and no other. */
export type RulesOf<Values> = { readonly [Name in keyof Required<Values>]: Rule };

/** A whole number of `unit` from `min` on. */
export function integer(min: number, fallback: number | undefined, unit: string): Rule {
  return {
    must: `an integer of at least ${min} (${unit})`,
    holds: value => isIntegerFrom(min, value),
    default: fallback,
  };
}

export function isIntegerFrom(min: number, value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= min;
}

/** The longest delay a Node timer can wait; more would fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Milliseconds, also fractions of them. */
export function duration(min: number, fallback: number | undefined): Rule {
  return {
    must: `a number of milliseconds from ${min} to ${LONGEST_TIMER}`,
    holds: value => typeof value === 'number' && value >= min && value <= LONGEST_TIMER,
    default: fallback,
  };
}

/** One of two words or more. */
export function oneOf(words: readonly string[], fallback: string | undefined): Rule {
  const quoted = words.map(word => `'${word}'`);
  return {
    must: `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)!}`,
    holds: value => words.includes(value as string),
    default: fallback,
  };
}

/**
 * The values of one group, with defaults in the place of undefined ones.
 * @typeParam Values the resolved group, whose names are those of the rules
 * @param prefix text before the names in errors: `limits.`, or nothing
 * @throws FanoutError FANOUT_OPTION, FANOUT_OPTION_UNKNOWN
 */
export function check<Values extends object>(prefix: string, given: object, rules: RulesOf<Values>): Values {
  const names = Object.keys(rules) as (keyof Values & string)[];
  assertKnown(prefix, given, names);
  const resolved: Partial<Values> = {};
  for (const name of names) {
    const rule = rules[name];
    const value = (given as Record<string, unknown>)[name];
    if (value !== undefined && !rule.holds(value)) throw badOption(prefix + name, rule.must, value);
    // The rule has checked the value, so it has the type that the group declares.
    resolved[name] = (value ?? rule.default) as Values[typeof name];
  }
  return resolved as Values;
}

/**
 * Returns the given values of a group without undefined ones, so that an unknown name with an undefined value does no
 * harm.
 */
export function definedOf(name: string, given: unknown): Record<string, unknown> {
  if (given === undefined) return {};
  assertObject(name, given);
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** An object with names in it, not an array. */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function assertObject(name: string, given: unknown): asserts given is object {
  if (!isObject(given)) throw badOption(name, 'an object', given);
}

export function assertKnown(prefix: string, given: object, known: readonly string[]): void {
  const unknown = Object.keys(given).find(name => !known.includes(name));
  if (unknown !== undefined)
    throw new FanoutError('FANOUT_OPTION_UNKNOWN', prefix + unknown, known.join(', '));
}

export function badOption(name: string, must: string, value: unknown): FanoutError {
  return new FanoutError('FANOUT_OPTION', name, must, shown(value));
}

/** Freezes objects and arrays to the bottom; functions are the caller's and stay as they are. */
export function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value))
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner as object);
  return Object.freeze(value);
}
