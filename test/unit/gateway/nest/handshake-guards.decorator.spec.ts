import 'reflect-metadata';
import { UseGuards } from '@nestjs/common';
import { GUARDS_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import {
  handshakeGuardsOf,
  UseHandshakeGuards,
} from '../../../../lib/gateway/nest/handshake-guards.decorator.js';

class Guard {
  canActivate(): boolean {
    return true;
  }
}

const object = { canActivate: () => true };

/** What the guards of a class look like to Nest's scanner. */
function scanned(metatype: Function): unknown[] {
  const names = new MetadataScanner().getAllMethodNames(metatype.prototype);
  return names.flatMap(name => Reflect.getMetadata(GUARDS_METADATA, metatype.prototype[name]) ?? []);
}

describe('UseHandshakeGuards', () => {
  it('keeps classes and objects in their order, once for each class', () => {
    @UseHandshakeGuards(Guard, object)
    class Gateway {}
    expect(handshakeGuardsOf(Gateway)).toEqual([Guard, object]);
    expect(handshakeGuardsOf(class {})).toEqual([]);
  });

  it('adds to those of the base class, which stay what they are', () => {
    @UseHandshakeGuards(Guard)
    class Base {}
    @UseHandshakeGuards(object)
    class Heir extends Base {}
    expect(handshakeGuardsOf(Heir)).toEqual([Guard, object]);
    expect(handshakeGuardsOf(Base)).toEqual([Guard]);
    expect(scanned(Heir)).toEqual([Guard, object]);
    expect(scanned(Base)).toEqual([Guard]);
  });

  it('shows them to the scanner of Nest, and not as guards of messages', () => {
    @UseHandshakeGuards(Guard)
    @UseGuards(object)
    class Gateway {}
    expect(scanned(Gateway)).toEqual([Guard]);
    expect(Reflect.getMetadata(GUARDS_METADATA, Gateway)).toEqual([object]);
    expect(Object.keys(Gateway.prototype)).toEqual([]);
  });

  it.each([
    [[], 'there is none'],
    [[undefined], 'got undefined'],
    [[Guard, null], 'got null'],
    [['jwt'], "got 'jwt'"],
    [[{ activate() {} }], 'got { activate: [Function: activate] }'],
    [[() => true], 'got [Function (anonymous)]'],
  ])('refuses %j', (guards, shown) => {
    expect(() => UseHandshakeGuards(...(guards as never[]))(class MarketGateway {})).toThrow(
      expect.objectContaining({
        code: 'FANOUT_HANDSHAKE_GUARD',
        message:
          '@UseHandshakeGuards() on MarketGateway must be given guards, classes or objects with canActivate(), on a class ' +
          `with @WebSocketGateway(): ${shown}.`,
      }),
    );
  });
});
