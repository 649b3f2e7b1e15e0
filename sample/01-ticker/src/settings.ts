import { parseArgs } from 'node:util';

/** What the command line decides. A class, so that Nest can inject it by its type. */
export abstract class Settings {
  abstract readonly port: number;
  abstract readonly rate: number;
  abstract readonly symbols: number;
  abstract readonly clients: number;
}

/** A mistake on the command line: its message is for the user, its stack trace is not. */
export class SettingsError extends Error {}

// One table for the checks, the messages and --help, so that they cannot disagree.
const OPTIONS: Record<keyof Settings, { fallback: number; least: number; most: number; about: string }> = {
  port: {
    fallback: 3000,
    least: 0,
    most: 65_535,
    about: 'port of the page and the WebSocket, 0 for a free one',
  },
  rate: { fallback: 1000, least: 1, most: 200_000, about: 'prices published a second, all symbols together' },
  symbols: { fallback: 300, least: 1, most: 500, about: 'symbols on the market' },
  clients: { fallback: 0, least: 0, most: 20_000, about: 'simulated clients, in a second process' },
};

const NAMES = Object.keys(OPTIONS) as (keyof Settings)[];

/** @returns `undefined` when the user asked for help */
export function readSettings(argv: string[]): Settings | undefined {
  const given = parse(argv);
  if (given.help) return undefined;
  return Object.fromEntries(NAMES.map(name => [name, toNumber(name, given[name])])) as unknown as Settings;
}

export function usage(): string {
  const lines = NAMES.map(name => {
    const { about, fallback } = OPTIONS[name];
    return `  --${name} <number>`.padEnd(24) + `${about} (default ${fallback})`;
  });
  return ['Usage: npm start -- [options]', '', ...lines, '  --help'.padEnd(24) + 'this text'].join('\n');
}

function parse(argv: string[]): Record<string, string | boolean | undefined> {
  const strings = Object.fromEntries(NAMES.map(name => [name, { type: 'string' as const }]));
  try {
    return parseArgs({ args: argv, options: { ...strings, help: { type: 'boolean', short: 'h' } } }).values;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') {
      throw new SettingsError('Every option needs a number of 0 or more, as in "--rate 1000".', {
        cause: error,
      });
    }
    // Node's first sentence names the mistake; the rest is about positional arguments, which we do not have.
    throw new SettingsError(`${message.split(/[.\n]/)[0]}.`, { cause: error });
  }
}

function toNumber(name: keyof Settings, text: string | boolean | undefined): number {
  const { fallback, least, most } = OPTIONS[name];
  if (text === undefined) return fallback;
  const value = /^\d+$/.test(String(text)) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new SettingsError(`--${name} must be a whole number from ${least} to ${most}; got "${text}".`);
}
