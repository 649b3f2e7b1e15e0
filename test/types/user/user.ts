// A project of its own, because the declaration below is seen by every file of a project. The compiler is the test.
import type { Connection } from 'nestjs-fanout';

declare module 'nestjs-fanout' {
  interface FanoutUser {
    readonly id: string;
  }
}

export function readUser(connection: Connection): string {
  // @ts-expect-error -- the user has no name
  void connection.user.name;
  // @ts-expect-error -- the id is text
  connection.user = { id: 7 };
  connection.user = { id: '7' };
  return connection.user.id;
}
