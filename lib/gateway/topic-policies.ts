import { TopicPatterns } from '../topic/topic-pattern.js';
import type { TopicPolicies } from '../topic/topic-registry.js';
import type { TopicHistory } from '../topic/topic.js';
import type { GatewayExplorer } from './gateway-explorer.js';

const NO_HISTORY: TopicHistory = { size: 0 };

/** Tells the topic room what the `@Topic` decorators say, whatever path they are on: publishing knows no paths. */
export class GatewayTopicPolicies implements TopicPolicies {
  readonly #explorer: GatewayExplorer;
  #histories: TopicPatterns<{ size: number }> | undefined;

  constructor(explorer: GatewayExplorer) {
    this.#explorer = explorer;
  }

  historyOf(name: string): TopicHistory {
    this.#histories ??= this.#collect();
    return this.#histories.find(name)?.route ?? NO_HISTORY;
  }

  #collect(): TopicPatterns<{ size: number }> {
    const histories = new TopicPatterns<{ size: number }>();
    for (const { topics } of this.#explorer.gateways) {
      for (const { pattern, history } of topics) {
        const present = histories.add(pattern, { size: history });
        // The same topics on another path: the longer history serves both.
        if (present !== undefined) present.route.size = Math.max(present.route.size, history);
      }
    }
    return histories;
  }
}
