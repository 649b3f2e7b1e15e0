import { Violation } from './violation.js';

/** What a message says. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Violation('protocol', `a message is not JSON: ${shortened(text)}`);
  }
}

/** A message as a person wants to see it. */
export function shortened(text: string): string {
  return text.length > 160 ? `${text.slice(0, 120)}…${text.length}…${text.slice(-20)}` : text;
}
