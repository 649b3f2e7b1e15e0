/**
 * Type of `connection.user` in an application. Empty until an application adds its own members:
 *
 * ```ts
 * declare module 'nestjs-fanout' {
 *   interface FanoutUser { id: string }
 * }
 * ```
 */
// oxlint-disable-next-line typescript/no-empty-interface, typescript/no-empty-object-type -- filled by declaration merging
export interface FanoutUser {}

/** {@link FanoutUser}, or `any` if the application declares no members. */
export type ConnectionUser = [keyof FanoutUser] extends [never] ? any : FanoutUser;
