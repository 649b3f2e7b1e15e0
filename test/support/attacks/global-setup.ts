import type { TestProject } from 'vitest/node';
import { buildPackage } from '../built-package.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Path of the package as plain JavaScript, for servers in a process of their own. */
    builtEntry: string;
  }
}

/** Builds the package once for all attacks. */
export default function setup({ provide }: TestProject): () => void {
  const { entry, remove } = buildPackage();
  provide('builtEntry', entry);
  return remove;
}
