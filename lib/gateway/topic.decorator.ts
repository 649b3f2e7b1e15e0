import { resolveTopicOptions } from '../options/resolve-topic-options.js';
import type { ResolvedTopicOptions, TopicOptions } from '../options/topic-options.js';
import { TopicPattern } from '../topic/topic-pattern.js';

/** What one `@Topic` leaves on a class. */
export interface TopicMetadata {
  /** Name of the decorated method, which may have several. */
  readonly method: string;
  readonly pattern: TopicPattern;
  readonly options: ResolvedTopicOptions;
}

const TOPIC_METADATA = Symbol('fanout:topic');

/**
 * Lets clients subscribe to the topics that match a pattern, on the path of the gateway that declares it. Topics that
 * no `@Topic` matches are refused.
 *
 * The method runs for each subscribe, with its guards, pipes, interceptors and filters. What it returns is the
 * snapshot for that subscriber; an Observable is a source: it is subscribed to once per topic while anyone listens, and
 * what it emits is published.
 *
 * @param pattern segments joined by dots; `:name` stands for one segment, and `@TopicParam('name')` gives it
 * @param options every one has a default; a topic that several paths declare has to have the same, but for `history`
 * @throws FanoutError FANOUT_TOPIC_PATTERN, FANOUT_OPTION, FANOUT_OPTION_UNKNOWN
 */
export function Topic(pattern: string, options: TopicOptions = {}): MethodDecorator {
  const declared = { options: resolveTopicOptions(options), pattern: new TopicPattern(pattern) };
  return (target, name) => {
    // On the class, because other decorators may replace the function.
    const metatype = target.constructor;
    const topics = [...ownTopicsOf(metatype), { ...declared, method: name as string }];
    Reflect.defineMetadata(TOPIC_METADATA, topics, metatype);
  };
}

/** Every `@Topic` of a class, in no order. Those of a base class count unless the method is decorated anew. */
export function topicsOf(metatype: object | null): readonly TopicMetadata[] {
  if (metatype === null) return [];
  const own = ownTopicsOf(metatype);
  const inherited = topicsOf(Object.getPrototypeOf(metatype) as object | null);
  return [...own, ...inherited.filter(({ method }) => own.every(topic => topic.method !== method))];
}

function ownTopicsOf(metatype: object): readonly TopicMetadata[] {
  return (Reflect.getOwnMetadata(TOPIC_METADATA, metatype) as TopicMetadata[] | undefined) ?? [];
}
