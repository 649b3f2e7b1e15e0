import { Inject } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { isObservable, type Observable, tap } from 'rxjs';
import { Broadcaster } from '../../broadcast/broadcaster.js';
import { FanoutError } from '../../errors/fanout-error.js';
import { TopicPattern } from '../../topic/topic-pattern.js';
import type { TopicData } from '../../topic/topics.js';
import { encodeSegment, isTopicValue } from '../../topic/topic-value.js';
import { ownKey } from './own-metadata.js';
import { serializedPublication } from './publication-serializers.js';
import { publishingStream } from './published-values.js';
import { isThenable, wearMetadata } from './wrapped-method.js';

const BROADCASTER = Symbol('fanout:broadcaster');

/** Prototypes with a `@Publish` method. */
const publishers = new WeakSet<object>();

/** Pattern of a `@Publish`. */
export interface PublishedPattern {
  readonly method: string;
  readonly pattern: TopicPattern;
}

const PUBLISHED = ownKey('published');

/** Returns the topic for a result. */
export type TopicOf = (result: any, args: any[]) => string;

/** Results of a `@Publish` method: a payload, nothing, or a stream of payloads. */
export type Published<Data> =
  | Data
  | void
  | Observable<Data | undefined>
  | AsyncIterable<Data | undefined>
  | ReadableStream<Data | undefined>;

/** Decorator of a `@Publish` method. Checks the method's result where `Topics` declares the topic. */
export type PublishDecorator<Data> = unknown extends Data
  ? MethodDecorator
  : <Method extends (...args: any[]) => Published<Data> | PromiseLike<Published<Data>>>(
      target: object,
      name: string | symbol,
      descriptor: TypedPropertyDescriptor<Method>,
    ) => void;

/**
 * Publishes the result of a provider's method, the value of its promise, or each value of its Observable while it has a
 * subscriber. An async iterable, a Node stream and a web stream are published value by value, when the caller takes the
 * values. `undefined` is not published. A global `ClassSerializerInterceptor` serialises the published value. The
 * caller gets the result of the method unchanged.
 *
 * @param topic a topic or pattern, or a function that returns the topic. The value of a `:name` in a pattern is the
 *   property of that name of the result, else of an argument. Else it is the argument at the place of the `:name` (the
 *   first `:name` is the first argument), if that is text, a number or a bigint. The value is encoded as by
 *   `topicName()`, so `BRK.B` stays one segment.
 * @throws FanoutError FANOUT_TOPIC_PATTERN. The decorated method throws FANOUT_PUBLISH_HOST when its instance has no
 *   broadcaster, FANOUT_TOPIC_UNRESOLVED when a `:name` has no value, and the errors of `Broadcaster.publish`
 */
export function Publish<const Pattern extends string>(
  topic: Pattern | TopicOf,
): PublishDecorator<TopicData<Pattern>> {
  const pattern = typeof topic === 'function' ? undefined : new TopicPattern(topic);
  const topicOf = typeof topic === 'function' ? () => topic : patternFiller(pattern!);
  const decorate = (target: object, name: string | symbol, descriptor: PropertyDescriptor): void => {
    // Injected as a property, so that instances of every scope get the broadcaster.
    Inject(Broadcaster)(target, BROADCASTER);
    publishers.add(target);
    if (pattern !== undefined) note(target.constructor, { method: String(name), pattern });
    const method = descriptor.value as (...args: unknown[]) => unknown;
    const label = `${target.constructor.name}.${String(name)}`;
    const resolve = topicOf(label);
    const publishing = function (this: Publisher | undefined, ...args: unknown[]): unknown {
      const broadcaster = this?.[BROADCASTER];
      if (broadcaster === undefined) {
        throw new FanoutError(
          'FANOUT_PUBLISH_HOST',
          typeof topic === 'function' ? 'a function' : `"${topic}"`,
          label,
        );
      }
      const publish = (result: unknown): unknown => {
        if (result === undefined) return result;
        const topicOfResult = resolve(result, args);
        const place = { handler: publishing, target: target.constructor };
        broadcaster.publish(topicOfResult, serializedPublication(broadcaster, place, result));
        return result;
      };
      const result = method.apply(this, args);
      const publishAll = (value: unknown): unknown =>
        isObservable(value) ? value.pipe(tap(publish)) : (publishingStream(value, publish) ?? publish(value));
      return isThenable(result) ? Promise.resolve(result).then(publishAll) : publishAll(result);
    };
    // Decorators that ran before have put their metadata, such as guards and routes, on the original function.
    wearMetadata(publishing, method);
    descriptor.value = publishing;
  };
  return decorate as PublishDecorator<TopicData<Pattern>>;
}

/** Instance with a `@Publish` method. */
interface Publisher {
  [BROADCASTER]?: Broadcaster;
}

/** Gives the broadcaster to the instances of `useFactory` and `useValue`: Nest does not inject these. */
export function giveBroadcasterTo(modules: ModulesContainer, broadcaster: Broadcaster): void {
  for (const { providers } of modules.values()) {
    for (const { isNotMetatype, instance } of providers.values())
      if (isNotMetatype) giveBroadcaster(instance, broadcaster);
  }
}

/**
 * Gives the broadcaster to an instance that Nest did not create. Ignores frozen instances and values without a
 * `@Publish` method. Reads no property of the value, because the value may be a proxy.
 */
export function giveBroadcaster(value: unknown, broadcaster: Broadcaster): void {
  if (typeof value !== 'object' || value === null || !isPublisher(value)) return;
  Reflect.defineProperty(value, BROADCASTER, { value: broadcaster, configurable: true });
}

function isPublisher(instance: object): boolean {
  let prototype: object | null = Object.getPrototypeOf(instance);
  while (prototype !== null && !publishers.has(prototype)) prototype = Object.getPrototypeOf(prototype);
  return prototype !== null;
}

/** The patterns of every `@Publish` of a class and its base classes. */
export function publishedBy(metatype: Function): readonly PublishedPattern[] {
  return (Reflect.getMetadata(PUBLISHED, metatype) as readonly PublishedPattern[] | undefined) ?? [];
}

function note(metatype: Function, published: PublishedPattern): void {
  Reflect.defineMetadata(PUBLISHED, [...publishedBy(metatype), published], metatype);
}

function patternFiller(pattern: TopicPattern): (method: string) => TopicOf {
  const { names } = pattern;
  return method => (result, args) =>
    pattern.fill(name => {
      const value =
        [result, ...args].map(source => propertyOf(source, name)).find(isTopicValue) ??
        args[names.indexOf(name)];
      if (!isTopicValue(value)) throw new FanoutError('FANOUT_TOPIC_UNRESOLVED', pattern.text, method, name);
      // Encoded, because an id with a dot could name a topic of another pattern.
      return encodeSegment(value);
    });
}

function propertyOf(source: unknown, name: string): unknown {
  return typeof source === 'object' && source !== null
    ? (source as Record<string, unknown>)[name]
    : undefined;
}
