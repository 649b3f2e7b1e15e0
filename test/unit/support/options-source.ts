import { readFileSync } from 'node:fs';

const source = readFileSync(new URL('../../../lib/options/fanout-options.ts', import.meta.url), 'utf8');

/** The group that each interface of the options describes; '' is the options themselves. */
const GROUPS: Record<string, string> = {
  FlushLimits: 'flush.',
  AdaptiveFlush: 'flush.',
  FixedFlush: 'flush.',
  SlowConsumerOptions: 'slowConsumer.',
  CompressionOptions: 'compression.',
  LimitOptions: 'limits.',
  HandshakeOptions: 'handshake.',
  ShutdownOptions: 'shutdown.',
  FanoutOptions: '',
};

export interface DocumentedOption {
  /** Path, such as `limits.payload`. */
  readonly name: string;
  readonly comment: string;
  /** What stands after `@default`, or undefined. */
  readonly default: string | undefined;
}

/** The interfaces of the source that are not known here: a new one must be added to {@link GROUPS}. */
export const unknownInterfaces = [...source.matchAll(/export interface (\w+)/g)]
  .map(([, name]) => name!)
  .filter(name => name !== 'ResolvedFanoutOptions' && GROUPS[name] === undefined);

/** Every option with the comment that a user reads. */
export const documentedOptions: DocumentedOption[] = Object.entries(GROUPS).flatMap(([name, prefix]) => {
  const body = new RegExp(`export interface ${name} \\{([^]*?)\\n\\}`).exec(source)![1]!;
  return [...body.matchAll(/\/\*\*((?:(?!\*\/)[^])*)\*\/\s*(\w+)\??:/g)].map(([, comment, option]) => ({
    name: prefix + option!,
    comment: comment!.replaceAll(/\s*\n\s*\* ?/g, ' ').trim(),
    default: /@default (.+?)\s*$/m.exec(comment!.trim())?.[1],
  }));
});

/** Options of the source that have no comment of their own, by path. Groups and exclusions need none. */
export const undocumentedOptions: string[] = Object.entries(GROUPS).flatMap(([name, prefix]) => {
  const body = new RegExp(`export interface ${name} \\{([^]*?)\\n\\}`).exec(source)![1]!;
  return [...body.matchAll(/^ {2}(\w+)\??: (.+);$/gm)]
    .filter(([, , type]) => type !== 'undefined' && !type!.endsWith('Options'))
    .map(([, option]) => prefix + option!)
    .filter(option => !documentedOptions.some(documented => documented.name === option));
});
