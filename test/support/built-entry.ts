import { onTestFinished } from 'vitest';
import { buildPackage } from './built-package.js';

/** Path of the package as plain JavaScript, while the test runs. */
export function builtEntry(): string {
  const { entry, remove } = buildPackage();
  onTestFinished(remove);
  return entry;
}
