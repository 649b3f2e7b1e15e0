import { Inject } from '@nestjs/common';
import { isObservable, tap } from 'rxjs';
import { Broadcaster } from '../broadcast/broadcaster.js';
import { FanoutError } from '../errors/fanout-error.js';
import { TopicPattern } from '../topic/topic-pattern.js';
import { encodeSegment, isTopicValue } from '../topic/topic-value.js';
import { isThenable, wearMetadata } from './wrapped-method.js';

const BROADCASTER = Symbol('fanout:broadcaster');

/** Tells the topic of a result. */
export type TopicOf = (result: any, args: any[]) => string;

/**
 * Publishes what a provider's method returns, what its promise resolves to, or each value its Observable emits (while
 * somebody is subscribed to that). `undefined` is not published.
 *
 * @param topic a topic or pattern, or a function that names the topic. A `:name` of a pattern is taken from the result's
 *   property of that name, else from such a property of an argument, else from the argument at the parameter's place
 *   (the first `:name` is the first argument) when that is text, a number or a bigint. The value is encoded as by
 *   `topicName()`, so `BRK.B` stays one segment.
 * @throws FanoutError FANOUT_TOPIC_PATTERN; the decorated method throws FANOUT_TOPIC_UNRESOLVED when a name is nowhere,
 *   and what `Broadcaster.publish` throws
 */
export function Publish(topic: string | TopicOf): MethodDecorator {
  const topicOf = typeof topic === 'function' ? () => topic : patternFiller(new TopicPattern(topic));
  return (target, name, descriptor: PropertyDescriptor) => {
    // Injected as a property, so that it reaches instances of every scope, however they are made.
    Inject(Broadcaster)(target, BROADCASTER);
    const method = descriptor.value as (...args: unknown[]) => unknown;
    const label = `${target.constructor.name}.${String(name)}`;
    const resolve = topicOf(label);
    const publishing = function (this: { [BROADCASTER]: Broadcaster }, ...args: unknown[]): unknown {
      const publish = (result: unknown): unknown => {
        if (result !== undefined) this[BROADCASTER].publish(resolve(result, args), result);
        return result;
      };
      const result = method.apply(this, args);
      if (isObservable(result)) return result.pipe(tap(publish));
      return isThenable(result) ? Promise.resolve(result).then(publish) : publish(result);
    };
    // Guards, routes and the like that were decorated before this one are on the function.
    wearMetadata(publishing, method);
    descriptor.value = publishing;
  };
}

function patternFiller(pattern: TopicPattern): (method: string) => TopicOf {
  const names = pattern.segments.filter(segment => segment.startsWith(':')).map(segment => segment.slice(1));
  return method => (result, args) =>
    pattern.fill(name => {
      const value =
        [result, ...args].map(source => propertyOf(source, name)).find(isTopicValue) ??
        args[names.indexOf(name)];
      if (!isTopicValue(value)) throw new FanoutError('FANOUT_TOPIC_UNRESOLVED', pattern.text, method, name);
      // With a dot left in it, an id from outside would name another pattern's topic.
      return encodeSegment(value);
    });
}

function propertyOf(source: unknown, name: string): unknown {
  return typeof source === 'object' && source !== null
    ? (source as Record<string, unknown>)[name]
    : undefined;
}
