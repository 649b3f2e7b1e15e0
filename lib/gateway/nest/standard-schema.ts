import { isThenable } from './wrapped-method.js';

/** Schema by the specification Standard Schema, as implemented by zod, valibot and ArkType. */
export interface StandardSchema {
  readonly '~standard': { validate(value: unknown, options?: unknown): unknown };
}

interface Validation {
  readonly value?: unknown;
  readonly issues?: readonly { readonly message: string }[];
}

/**
 * Returns the output of a schema for a value; for an array, of each element, as in Nest's
 * `StandardSchemaSerializerInterceptor`. A value that is not an object is returned unchanged.
 * @throws TypeError for a schema that returns a promise, because a published value is needed at once
 * @throws Error that names the issues of the value
 */
export function validated(schema: StandardSchema, options: unknown, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Array.isArray(value)
    ? value.map(element => (element ? outputOf(schema, options, element) : element))
    : outputOf(schema, options, value);
}

function outputOf(schema: StandardSchema, options: unknown, value: unknown): unknown {
  const result = schema['~standard'].validate(value, options);
  if (isThenable(result)) {
    Promise.resolve(result).catch(() => {});
    throw new TypeError('@Publish() takes a schema that answers at once; this one answers with a promise.');
  }
  const { issues, value: output } = result as Validation;
  if (issues !== undefined)
    throw new Error(`Serialization failed: ${issues.map(({ message }) => message).join(', ')}`);
  return output;
}
