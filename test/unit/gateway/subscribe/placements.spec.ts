import { describe, expect, it } from 'vitest';
import { Placements, placeOf } from '../../../../lib/gateway/subscribe/placements.js';

const endpoint = (port: number, path: string): never => ({ port, path, server: { port, path } }) as never;

const gateway = (name: string, port: number, path: string): never =>
  ({ name, port, path, metatype: class {} }) as never;

const failing = (message: string): object =>
  expect.objectContaining({ code: 'FANOUT_ADAPTER_CREATE', message: expect.stringContaining(message) });

/** The server of an endpoint. */
const serverOf = (of: never): unknown => (of as { server: unknown }).server;

describe('Placements', () => {
  it('matches a gateway with the endpoint whose server was the answer for it', () => {
    const placements = new Placements();
    const [market, other] = [endpoint(0, '/market'), endpoint(81, '/other')];
    for (const each of [market, other]) placements.add(each, true);
    // An adapter may give another port or path.
    placements.answer('My', 0, { path: '/m' }, () => serverOf(other));
    placements.answer('My', 0, { path: '/n' }, () => serverOf(market));
    const [m, n] = [gateway('M', 0, '/m'), gateway('N', 0, '/n')];
    expect([...placements.match([m, n])]).toEqual([
      [m, other],
      [n, market],
    ]);
  });

  it('is empty in an application without gateways, and after clear()', () => {
    const placements = new Placements();
    expect(placements.match([gateway('M', 0, '/m')]).size).toBe(0);
    placements.add(endpoint(0, '/m'), true);
    placements.answer('My', 0, { path: '/m' }, () => undefined);
    placements.clear();
    expect([placements.endpoints, placements.match([]).size]).toEqual([[], 0]);
  });

  it('refuses an answer that is no server of ours', () => {
    const placements = new Placements();
    placements.add(endpoint(0, '/m'), true);
    placements.answer('My', 0, { path: '/m' }, () => new Map());
    expect(() => placements.match([gateway('M', 0, '/m')])).toThrow(
      failing('for gateway M {/m} it returned another Map'),
    );
  });

  it('refuses a gateway that Nest has not asked for, and an endpoint that serves no gateway', () => {
    const placements = new Placements();
    const m = endpoint(0, '/m');
    placements.add(m, true);
    placements.answer('My', 0, { path: '/m' }, () => serverOf(m));
    expect(() => placements.match([gateway('N', 0, '/n')])).toThrow(
      failing('Nest has not called it for gateway N {/n}'),
    );
    placements.add(endpoint(81, '/left'), true);
    expect(() => placements.match([gateway('M', 0, '/m')])).toThrow(
      failing('{:81/left}, which serves no gateway'),
    );
  });

  it('keeps no answer of a create() that throws', () => {
    const placements = new Placements();
    const m = endpoint(0, '/m');
    placements.add(m, true);
    const fail = (): never => {
      throw new Error('broken');
    };
    expect(() => placements.answer('My', 0, { path: '/m' }, fail)).toThrow('broken');
    expect(() => placements.match([gateway('M', 0, '/m')])).toThrow(failing('Nest has not called it'));
  });

  it('has the options that an adapter has changed, before those of the gateways', () => {
    const placements = new Placements();
    const m = endpoint(0, '/m');
    placements.answer('My', 0, { path: '/m', maxPayload: 9 }, () => {
      placements.asked(m, { path: '/m', maxPayload: 5 });
      return serverOf(m);
    });
    expect(placements.layersOf(m, []).map(({ by, ofPath }) => [by, ofPath])).toEqual([
      ['create() of My', { maxPayload: 5 }],
    ]);
  });

  it('takes no options of a create() that Nest has not called', () => {
    const placements = new Placements();
    const m = endpoint(0, '/m');
    placements.answer('My', 0, { path: '/m' }, () => serverOf(m));
    placements.asked(m, { path: '/m', maxPayload: 5 });
    expect(placements.layersOf(m, [])).toEqual([]);
  });

  it('knows the endpoints without an HTTP server', () => {
    const placements = new Placements();
    const [m, n] = [endpoint(0, '/m'), endpoint(0, '/n')];
    placements.add(m, true);
    placements.add(n, false);
    expect([placements.served(m), placements.served(n)]).toEqual([true, false]);
  });
});

describe('placeOf', () => {
  it.each([
    [{ port: 0, path: '/m' }, '{/m}'],
    [{ port: 81, path: '/m' }, '{:81/m}'],
    [{ port: 81, path: undefined }, '{:81}'],
  ])('of %j is %s', (place, text) => {
    expect(placeOf(place)).toBe(text);
  });
});
