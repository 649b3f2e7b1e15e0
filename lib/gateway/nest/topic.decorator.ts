import type { Observable } from 'rxjs';
import { FanoutError, shown } from '../../errors/fanout-error.js';
import { resolveTopicOptions } from '../../options/resolve-topic-options.js';
import type { ResolvedTopicOptions, TopicOptions } from '../../options/topic-options.js';
import { TopicPattern } from '../../topic/topic-pattern.js';
import type { TopicData, TopicPayload } from '../../topic/topics.js';
import { ownKey } from './own-metadata.js';
import { keepsMetadata } from './declared.js';
import { remindOfService } from './served.js';

/**
 * Source of a topic. The library publishes each value while the topic has subscribers. Node streams are async
 * iterables.
 */
export type TopicSource<Data> = Observable<Data> | AsyncIterable<Data> | ReadableStream<Data>;

/** Snapshot of a topic: a payload, a list of payloads, or none. */
export type TopicSnapshot<Data> = Data | readonly Data[] | null | void;

/** Results of a `@Topic` method: a snapshot or a source. */
export type TopicResult<Data> =
  TopicSnapshot<Data> | TopicSource<Data> | PromiseLike<TopicSnapshot<Data> | TopicSource<Data>>;

/** Decorator of a `@Topic` method. Checks the method's result where `Topics` declares the topic. */
export type TopicDecorator<Data> = unknown extends Data
  ? MethodDecorator
  : <Method extends (...args: any[]) => TopicResult<Data>>(
      target: object,
      name: string | symbol,
      descriptor: TypedPropertyDescriptor<Method>,
    ) => void;

/** Metadata of one `@Topic`, stored on the class. */
export interface TopicMetadata {
  /** Name of the decorated method. A method may have several `@Topic`. */
  readonly method: string;
  readonly pattern: TopicPattern;
  readonly options: ResolvedTopicOptions;
  /** Function in the class body. Decorators below `@Topic` may have replaced it. */
  readonly written: unknown;
}

const TOPIC_METADATA = ownKey('topic');

/** Mark on the decorated function that holds its declarations. Wrappers that copy metadata copy the mark. */
const MARK = ownKey('topic-method');

/**
 * Lets clients subscribe to the topics that match a pattern, on the path of the gateway. Topics that no `@Topic`
 * matches are refused.
 *
 * The method runs for each subscribe, with its guards, pipes, interceptors and filters. Its result is the snapshot for
 * that subscriber. An Observable is a source: the library subscribes to it once per topic, while the topic has
 * subscribers, and publishes its values. An async iterable, a Node stream and a web stream are sources too.
 *
 * A subclass inherits the topic with its method. A subclass that overrides the method without `@Topic` does not have
 * the topic, as with `@SubscribeMessage`.
 *
 * @param pattern segments joined by dots; `:name` matches one segment, and `@TopicParam('name')` gives its value
 * @param options all have defaults; all paths that declare the same topic must have the same options, except `history`
 * @throws FanoutError FANOUT_TOPIC_PATTERN, FANOUT_TOPIC_METHOD, FANOUT_OPTION, FANOUT_OPTION_UNKNOWN
 */
export function Topic<const Pattern extends string>(
  pattern: Pattern,
  options: TopicOptions<TopicPayload<Pattern>> = {},
): TopicDecorator<TopicData<Pattern>> {
  const declared = { options: resolveTopicOptions(options), pattern: new TopicPattern(pattern) };
  const decorate = (target: object, name: string | symbol, descriptor?: PropertyDescriptor): void => {
    const method: unknown = descriptor?.value;
    if (typeof target === 'function' || typeof name !== 'string' || typeof method !== 'function')
      throw new FanoutError('FANOUT_TOPIC_METHOD', pattern, described(target, name, method));
    // The prototype still has the original function: it changes after all decorators of the method have run.
    const written: unknown = Object.getOwnPropertyDescriptor(target, name)?.value;
    const topic: TopicMetadata = { ...declared, method: name, written };
    // Noted on the class too, in case another decorator replaces the function.
    const metatype = target.constructor;
    Reflect.defineMetadata(TOPIC_METADATA, [...ownTopicsOf(metatype), topic], metatype);
    Reflect.defineMetadata(MARK, [...marksOf(method), topic], method);
    remindOfService(metatype);
  };
  return decorate as TopicDecorator<TopicData<Pattern>>;
}

/**
 * Returns every `@Topic` of a class and its base classes, in no order, without overridden methods.
 * @throws FanoutError FANOUT_ROUTE_REPLACED for a function that has lost its `@Topic`, or the metadata of the function
 *   that it replaces
 */
export function topicsOf(metatype: object | null): readonly TopicMetadata[] {
  return declarationsOf(metatype)
    .filter(({ overriddenBy }) => overriddenBy === undefined)
    .map(({ topic }) => topic);
}

/** Returns topics that a subclass has lost by overriding the method of a base class without a decorator. */
export function overriddenTopicsOf(metatype: object): readonly { topic: TopicMetadata; by: string }[] {
  return declarationsOf(metatype).flatMap(({ topic, overriddenBy, isDeclaredAnew }) =>
    overriddenBy === undefined || isDeclaredAnew ? [] : [{ topic, by: overriddenBy.name }],
  );
}

interface Declaration {
  readonly topic: TopicMetadata;
  /** Subclass that overrides the method. */
  readonly overriddenBy: Function | undefined;
  /** True if the subclass has decorated its method. */
  readonly isDeclaredAnew: boolean;
}

function declarationsOf(metatype: object | null): Declaration[] {
  const declarations: Declaration[] = [];
  const subclasses: Function[] = [];
  for (let base = metatype; typeof base === 'function'; base = Object.getPrototypeOf(base) as object | null) {
    for (const topic of ownTopicsOf(base)) {
      const lower = subclasses.find(subclass => Object.hasOwn(subclass.prototype as object, topic.method));
      const current = ((lower ?? base).prototype as Record<string, unknown>)[topic.method];
      const isMarked = typeof current === 'function' && marksOf(current).includes(topic);
      if (isMarked && keepsMetadata(current, topic.written)) {
        declarations.push({ topic, overriddenBy: undefined, isDeclaredAnew: false });
      } else if (isMarked || lower === undefined) {
        throw new FanoutError('FANOUT_ROUTE_REPLACED', `${base.name}.${topic.method}`, topic.pattern.text);
      } else {
        const isDeclaredAnew = ownTopicsOf(lower).some(({ method }) => method === topic.method);
        declarations.push({ topic, overriddenBy: lower, isDeclaredAnew });
      }
    }
    subclasses.push(base);
  }
  return declarations;
}

function ownTopicsOf(metatype: object): readonly TopicMetadata[] {
  return (Reflect.getOwnMetadata(TOPIC_METADATA, metatype) as TopicMetadata[] | undefined) ?? [];
}

function marksOf(method: Function): readonly TopicMetadata[] {
  return (Reflect.getMetadata(MARK, method) as TopicMetadata[] | undefined) ?? [];
}

function described(target: object, name: string | symbol, method: unknown): string {
  if (typeof target === 'function') return `the static ${target.name}.${String(name)}`;
  if (typeof name !== 'string') return `${target.constructor.name}[${String(name)}]`;
  return `${target.constructor.name}.${name}, which is ${method === undefined ? 'a property or accessor' : shown(method)}`;
}
