import { beforeEach, describe, expect, it } from 'vitest';
import { CLOSE, type Close } from '../../../../lib/errors/close-codes.js';
import { AdmissionUsers } from '../../../../lib/gateway/admission/admission-users.js';

interface Fake {
  readonly user: unknown;
  open: boolean;
  readonly handshake: { readonly ip: string };
  closed: Close | undefined;
  closeWith(close: Close): void;
}

let present: Fake[];
let counted: unknown[];

beforeEach(() => {
  present = [];
  counted = [];
});

function connect(id: string): Fake {
  const connection: Fake = {
    user: { id },
    open: true,
    handshake: { ip: '192.0.2.1' },
    closed: undefined,
    closeWith(close) {
      this.closed = close;
    },
  };
  present.push(connection);
  return connection;
}

function users(most: number): AdmissionUsers {
  const connections = {
    ofUser: (id: string) => present.filter(({ user }) => (user as { id: string }).id === id),
  };
  const rejections = { count: (...args: unknown[]) => counted.push(args) };
  return new AdmissionUsers(most, connections as never, rejections as never);
}

describe('AdmissionUsers', () => {
  it('lets a user have the number of connections that the limit says', () => {
    connect('ann');
    expect(users(2).full({ id: 'ann' })).toBe(false);
    connect('ann');
    expect(users(2).full({ id: 'ann' })).toBe(true);
    expect(users(2).full({ id: 'ben' })).toBe(false);
  });

  it('counts no connection that is closing', () => {
    connect('ann').open = false;
    expect(users(1).full({ id: 'ann' })).toBe(false);
  });

  it('limits nobody at 0, and nobody without an id', () => {
    connect('ann');
    expect(users(0).full({ id: 'ann' })).toBe(false);
    expect(users(1).full(undefined)).toBe(false);
    expect(users(1).full({ name: 'ann' })).toBe(false);
  });

  it('closes the newest connection of a user that has too many, and counts it', () => {
    const first = connect('ann');
    const second = connect('ann');
    users(1).assigned(second as never);
    expect([first.closed, second.closed]).toEqual([undefined, CLOSE.RATE_LIMITED]);
    expect(counted).toEqual([['connections-per-user', '192.0.2.1']]);
  });

  it('does not count a connection against itself', () => {
    const only = connect('ann');
    users(1).assigned(only as never);
    expect(only.closed).toBeUndefined();
  });
});
