import { MetadataScanner, type ModulesContainer } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import {
  GATEWAY_METADATA,
  GATEWAY_OPTIONS,
  MESSAGE_MAPPING_METADATA,
  MESSAGE_METADATA,
  PORT_METADATA,
} from '@nestjs/websockets/constants.js';
import { FanoutError } from '../errors/fanout-error.js';
import type { HeartbeatPolicy } from '../heartbeat/heartbeat-monitor.js';
import { type HandshakeGuard, handshakeGuardsOf } from './handshake-guards.decorator.js';
import { heartbeatOf } from './heartbeat.decorator.js';
import { type TopicMetadata, topicsOf } from './topic.decorator.js';
import type { VerifyClient } from './verify-client.js';

/** A class decorated with `@WebSocketGateway`, as its decorators describe it. */
export interface Gateway {
  readonly name: string;
  readonly wrapper: InstanceWrapper;
  readonly metatype: new (...args: never[]) => unknown;
  /** 0 is the application's HTTP server. */
  readonly port: number;
  /** As given to the decorator. */
  readonly path: string | undefined;
  readonly verifyClient: VerifyClient | undefined;
  readonly heartbeat: Partial<HeartbeatPolicy> | false | undefined;
  /** Method names by event. */
  readonly events: readonly { readonly event: string; readonly method: string }[];
  readonly topics: readonly TopicMetadata[];
  /** Asked in this order. */
  readonly handshakeGuards: readonly HandshakeGuard[];
}

/** Finds the gateways of an application, by metadata alone: nothing is instantiated for it. */
export class GatewayExplorer {
  readonly #modules: ModulesContainer;
  readonly #scanner = new MetadataScanner();
  #gateways: readonly Gateway[] | undefined;

  constructor(modules: ModulesContainer) {
    this.#modules = modules;
  }

  /** @throws FanoutError FANOUT_TOPIC_HOST, FANOUT_HANDSHAKE_GUARD for a decorator of gateways on a class that is none */
  get gateways(): readonly Gateway[] {
    return (this.#gateways ??= this.#explore());
  }

  #explore(): Gateway[] {
    const gateways: Gateway[] = [];
    for (const module of this.#modules.values()) {
      for (const wrapper of [...module.providers.values(), ...module.controllers.values()]) {
        const metatype = wrapper.isNotMetatype ? undefined : wrapper.metatype;
        if (typeof metatype !== 'function' || metatype.prototype === undefined) continue;
        if (Reflect.hasMetadata(GATEWAY_METADATA, metatype))
          gateways.push(this.#describe(wrapper, metatype as Gateway['metatype']));
        else assertNothingOfGateways(metatype);
      }
    }
    return gateways;
  }

  #describe(wrapper: InstanceWrapper, metatype: Gateway['metatype']): Gateway {
    const prototype = metatype.prototype as Record<string, object>;
    const events = this.#scanner
      .getAllMethodNames(prototype)
      .filter(method => Reflect.hasMetadata(MESSAGE_MAPPING_METADATA, prototype[method]!))
      .map(method => ({
        event: Reflect.getMetadata(MESSAGE_METADATA, prototype[method]!) as string,
        method,
      }));
    const options = (Reflect.getMetadata(GATEWAY_OPTIONS, metatype) ?? {}) as {
      path?: string;
      verifyClient?: VerifyClient;
    };
    return {
      name: metatype.name,
      wrapper,
      metatype,
      port: (Reflect.getMetadata(PORT_METADATA, metatype) as number | undefined) ?? 0,
      path: options.path,
      verifyClient: options.verifyClient,
      heartbeat: heartbeatOf(metatype),
      events,
      topics: topicsOf(metatype),
      handshakeGuards: handshakeGuardsOf(metatype),
    };
  }
}

function assertNothingOfGateways(metatype: Function): void {
  for (const { method, pattern } of topicsOf(metatype)) {
    throw new FanoutError('FANOUT_TOPIC_HOST', pattern.text, `${metatype.name}.${method}`);
  }
  // A guard that does not run must not look as if it did.
  if (handshakeGuardsOf(metatype).length > 0)
    throw new FanoutError('FANOUT_HANDSHAKE_GUARD', metatype.name, 'the class is no gateway');
}
