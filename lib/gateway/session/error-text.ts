import { isValidationError } from './error-details.js';

/** Characters after which no further text is added, because an error frame has no room for more. */
const MOST_CHARACTERS = 512;

/** The human-readable text in the content of an exception; undefined without one. */
export function textOf(content: unknown): string | undefined {
  if (typeof content === 'string') return content;
  if (Array.isArray(content)) return joined(content);
  const message = (content as { message?: unknown } | null | undefined)?.message;
  if (Array.isArray(message)) return joined(message);
  return typeof message === 'string' ? message : undefined;
}

function joined(values: readonly unknown[]): string | undefined {
  const texts: string[] = [];
  addTexts(values, texts);
  return texts.length > 0 ? texts.join('; ') : undefined;
}

/** Adds the texts of validation errors, with those of nested objects. */
function addTexts(values: readonly unknown[], texts: string[]): void {
  for (const value of values) {
    if (texts.reduce((sum, { length }) => sum + length, 0) > MOST_CHARACTERS) return;
    if (isValidationError(value)) {
      texts.push(...Object.values(value.constraints ?? {}).filter(text => typeof text === 'string'));
      addTexts(value.children ?? [], texts);
      continue;
    }
    const text = typeof value === 'string' ? value : (value as { message?: unknown } | null)?.message;
    if (typeof text === 'string') texts.push(text);
  }
}
