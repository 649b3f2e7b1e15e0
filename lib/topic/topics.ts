/**
 * The topics of an application and the type of what is published on each. Empty until an application adds its own:
 *
 * ```ts
 * declare module 'nestjs-fanout' {
 *   interface Topics { 'prices.:symbol': Price }
 * }
 * ```
 */
// oxlint-disable-next-line typescript/no-empty-interface, typescript/no-empty-object-type -- filled by declaration merging
export interface Topics {}

/** Whether a segment of a topic name is one that a segment of a pattern stands for. */
export type MatchesSegment<Pattern extends string, Segment extends string> = Pattern extends `:${string}`
  ? true
  : Segment extends Pattern
    ? true
    : false;

/** Whether a topic name (a literal or a template type) is one that the pattern stands for. */
export type MatchesPattern<
  Pattern extends string,
  Name extends string,
> = Pattern extends `${infer P}.${infer PRest}`
  ? Name extends `${infer N}.${infer NRest}`
    ? MatchesSegment<P, N> extends true
      ? MatchesPattern<PRest, NRest>
      : false
    : false
  : Name extends `${string}.${string}`
    ? false
    : MatchesSegment<Pattern, Name>;

/** {@link TopicData}, with `any` in place of `unknown`: for functions that an application writes. */
export type TopicPayload<Name extends string> = unknown extends TopicData<Name> ? any : TopicData<Name>;

/** The patterns of {@link Topics} that a name matches. */
export type PatternsOf<Name extends string> = {
  [Pattern in keyof Topics & string]: MatchesPattern<Pattern, Name> extends true ? Pattern : never;
}[keyof Topics & string];

/**
 * What may be published on a topic: the declared type, or `unknown` for a topic that no declared pattern matches
 * and for a name that is only known to be a string.
 */
export type TopicData<Name extends string> = string extends Name
  ? unknown
  : Name extends keyof Topics
    ? Topics[Name]
    : [PatternsOf<Name>] extends [never]
      ? unknown
      : Topics[PatternsOf<Name> & keyof Topics];
