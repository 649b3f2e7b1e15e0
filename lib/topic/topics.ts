/**
 * Topics of an application with the types of their publications. Empty until an application adds its own:
 *
 * ```ts
 * declare module 'nestjs-fanout' {
 *   interface Topics { 'prices.:symbol': Price }
 * }
 * ```
 */
// oxlint-disable-next-line typescript/no-empty-interface, typescript/no-empty-object-type -- filled by declaration merging
export interface Topics {}

/** Type test: true if a segment of a pattern matches a segment of a topic name. */
export type MatchesSegment<Pattern extends string, Segment extends string> = Pattern extends `:${string}`
  ? true
  : Segment extends Pattern
    ? true
    : false;

/** Type test: true if a pattern matches a topic name (a literal or a template type). */
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

/** {@link TopicData}, with `any` in place of `unknown`, for functions of an application. */
export type TopicPayload<Name extends string> = unknown extends TopicData<Name> ? any : TopicData<Name>;

/** Patterns of {@link Topics} that match a name. */
export type PatternsOf<Name extends string> = {
  [Pattern in keyof Topics & string]: MatchesPattern<Pattern, Name> extends true ? Pattern : never;
}[keyof Topics & string];

/**
 * Type of the publications of a topic: the declared type, or `unknown` for a topic that no declared pattern matches and
 * for a name of type `string`.
 */
export type TopicData<Name extends string> = string extends Name
  ? unknown
  : Name extends keyof Topics
    ? Topics[Name]
    : [PatternsOf<Name>] extends [never]
      ? unknown
      : Topics[PatternsOf<Name> & keyof Topics];
