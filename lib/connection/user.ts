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

/** {@link FanoutUser} where an application has declared its members, and `any` where none are declared. */
export type ConnectionUser = [keyof FanoutUser] extends [never] ? any : FanoutUser;
