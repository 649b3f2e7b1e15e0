import { isThenable } from './wrapped-method.js';

/** Schema of the specification Standard Schema, which zod, valibot and ArkType follow. */
export interface StandardSchema {
  readonly '~standard': { validate(value: unknown, options?: unknown): unknown };
}

interface Validation {
  readonly value?: unknown;
  readonly issues?: readonly { readonly message: string }[];
}

/**
 * The value as a schema leaves it, an array element by element, as in Nest's `StandardSchemaSerializerInterceptor`. What is
 * no object stays as it is.
 * @throws TypeError for a schema that answers with a promise, because what is published is needed at once
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
