import { TopicPatterns } from '../topic/topic-pattern.js';
import type { TopicPolicies } from '../topic/topic-registry.js';
import type { TopicHistory } from '../topic/topic.js';
import type { GatewayExplorer } from './gateway-explorer.js';

const NO_HISTORY: TopicHistory = { size: 0 };

/** Tells the topic room what the `@Topic` decorators say, whatever path they are on: publishing knows no paths. */
export class GatewayTopicPolicies implements TopicPolicies {
  readonly #explorer: GatewayExplorer;
  #byPath: readonly TopicPatterns<number>[] | undefined;

  constructor(explorer: GatewayExplorer) {
    this.#explorer = explorer;
  }

  /** On each path the pattern that clients are served by decides; of several paths, the longest history serves all. */
  historyOf(name: string): TopicHistory {
    this.#byPath ??= this.#collect();
    let size = 0;
    for (const patterns of this.#byPath) size = Math.max(size, patterns.find(name)?.route ?? 0);
    return size === 0 ? NO_HISTORY : { size };
  }

  #collect(): readonly TopicPatterns<number>[] {
    const byPath = new Map<string, TopicPatterns<number>>();
    for (const { port, path, topics } of this.#explorer.gateways) {
      const key = `${port}:${path}`;
      const patterns = byPath.get(key) ?? new TopicPatterns<number>();
      byPath.set(key, patterns);
      for (const { pattern, history } of topics) patterns.add(pattern, history);
    }
    return [...byPath.values()];
  }
}
