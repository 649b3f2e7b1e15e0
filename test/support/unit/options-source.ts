import { readFileSync } from 'node:fs';

/** The group that each interface of the options describes, as a prefix; '' is the options themselves. */
type Groups = Record<string, string>;

const FANOUT_GROUPS: Groups = {
  FlushLimits: 'flush.',
  AdaptiveFlush: 'flush.',
  FixedFlush: 'flush.',
  SlowConsumerOptions: 'slowConsumer.',
  HistoryOptions: 'history.',
  CompressionOptions: 'compression.',
  LimitOptions: 'limits.',
  HandshakeOptions: 'handshake.',
  PublishingOptions: 'publishing.',
  ShutdownOptions: 'shutdown.',
  FanoutOptions: '',
};

const TOPIC_GROUPS: Groups = {
  TopicHistoryOptions: 'history.',
  PresenceOptions: 'presence.',
  TopicOptions: '',
};

export interface DocumentedOption {
  /** Path, such as `limits.payload`. */
  readonly name: string;
  readonly comment: string;
  /** What stands after `@default`, or undefined. */
  readonly default: string | undefined;
}

/** A file with interfaces of options, as its readers see it. */
export class OptionsSource {
  readonly #source: string;
  readonly #groups: Groups;

  constructor(file: string, groups: Groups) {
    this.#source = readFileSync(new URL(`../../../lib/options/${file}`, import.meta.url), 'utf8');
    this.#groups = groups;
  }

  /** The interfaces of the source that are not known here: a new one must be added to the groups. */
  get unknownInterfaces(): string[] {
    return [...this.#source.matchAll(/export interface (\w+)/g)]
      .map(([, name]) => name!)
      .filter(name => !name.startsWith('Resolved') && this.#groups[name] === undefined);
  }

  /** Every option with the comment that a user reads. */
  get documented(): DocumentedOption[] {
    return this.#matches(/\/\*\*((?:(?!\*\/)[^])*)\*\/\s*(\w+)\??:/g).map(([prefix, comment, option]) => ({
      name: prefix + option,
      comment: comment.replaceAll(/\s*\n\s*\* ?/g, ' ').trim(),
      default: /@default (.+?)\s*$/m.exec(comment.trim())?.[1],
    }));
  }

  /** Options that have no comment of their own, by path. Groups and exclusions need none. */
  get undocumented(): string[] {
    const documented = this.documented.map(({ name }) => name);
    return this.#matches(/^ {2}(\w+)\??: (.+);$/gm)
      .filter(([, , type]) => type !== 'undefined' && !type.endsWith('Options'))
      .map(([prefix, option]) => prefix + option)
      .filter(name => !documented.includes(name));
  }

  /** What the two groups of a pattern match in the interfaces, with the prefix of each. */
  #matches(pattern: RegExp): [prefix: string, first: string, second: string][] {
    return Object.entries(this.#groups).flatMap(([name, prefix]) => {
      const body = new RegExp(`export interface ${name}(?:<[^{]*>)? \\{([^]*?)\\n\\}`).exec(
        this.#source,
      )![1]!;
      return [...body.matchAll(pattern)].map(([, first, second]): [string, string, string] => [
        prefix,
        first!,
        second!,
      ]);
    });
  }
}

export const fanoutOptions = new OptionsSource('fanout-options.ts', FANOUT_GROUPS);
export const topicOptions = new OptionsSource('topic-options.ts', TOPIC_GROUPS);
