import { readFileSync } from 'node:fs';

// Read as a file: not every version of Nest exports its package.json.
const { version } = JSON.parse(readFileSync('node_modules/@nestjs/core/package.json', 'utf8')) as {
  version: string;
};

/** Whether Nest's core is the first version of a major: some of its faults were repaired later. */
export const isFirstOfMajor = /^\d+\.0\.0$/.test(version);

/** Major version of Nest. */
export const NEST_MAJOR = Number(version.split('.', 1)[0]);
