import type { CanActivate, NestInterceptor, PipeTransform } from '@nestjs/common';
import type { ApplicationConfig, ContextId } from '@nestjs/core';
import type { WebSocket } from 'ws';
import type { InstanceWrapper } from '../nest/private-api.js';
import { FanoutError } from '../../errors/fanout-error.js';
import { connectionContext, scopedInstance } from '../session/connection-context.js';
import type { Blame } from './blame.js';
import {
  declaredRoute,
  type DeclaredRoute,
  ENHANCER_KINDS,
  type EnhancerKind,
  type EnhancerRef,
} from '../nest/declared.js';
import { directHandler, type Method } from './direct-handler.js';
import { enhancedHandler, type Enhancers } from './enhanced-handler.js';
import type { GatewayHandler, HandlerFunction } from '../nest/gateway-handler.js';
import { readerOf } from './parameters.js';
import { globalSupply, load, scopedSupply, type Supply, supplyOf } from '../nest/supply.js';

/** Class whose methods are served: a gateway. */
export interface GatewayClass {
  readonly metatype: Function;
  readonly wrapper: InstanceWrapper;
}

/** Global enhancers of the application; the part of Nest's `ApplicationConfig` that is used here. */
export type GlobalEnhancers = Pick<
  ApplicationConfig,
  | 'getGlobalGuards'
  | 'getGlobalPipes'
  | 'getGlobalInterceptors'
  | 'getGlobalRequestGuards'
  | 'getGlobalRequestPipes'
  | 'getGlobalRequestInterceptors'
>;

/** Supplies of one handler, one for each declared enhancer. */
interface Supplies {
  readonly guards: readonly Supply<CanActivate>[];
  readonly pipes: readonly Supply<PipeTransform>[];
  readonly interceptors: readonly Supply<NestInterceptor>[];
  readonly filters: readonly Supply[];
  /** Pipes of each parameter. */
  readonly parameters: readonly (readonly Supply<PipeTransform>[])[];
}

/**
 * Makes a gateway's methods callable; no other class does. Reads the decorators of the method, its class and its
 * parameters, adds the global enhancers, and finds the provider of each. An enhancer without a provider stops the
 * start, so exactly the declared enhancers run: `docs/decisions/012-protection.md`.
 */
export class Protection {
  readonly #globals: GlobalEnhancers;
  readonly #blame: Blame;

  constructor(globals: GlobalEnhancers, blame: Blame) {
    this.#globals = globals;
    this.#blame = blame;
  }

  /**
   * Makes the handler of a method, with its enhancers. @throws FanoutError FANOUT_PROTECTION when an enhancer has no
   * provider
   */
  handler(host: GatewayClass, method: string): GatewayHandler {
    const { wrapper, metatype } = host;
    const isStatic = wrapper.isDependencyTreeStatic();
    const route = declaredRoute(metatype, method, isStatic ? (wrapper.instance as object) : undefined);
    const supplies = this.#suppliesOf(route, host);
    if (isStatic && isPresent(supplies)) {
      const instance = wrapper.instance as object;
      return marked(
        this.#build(
          route,
          instance,
          enhancersFrom(supplies, supply => supply.instance),
        ),
      );
    }
    return marked(async (client, ...call) => {
      const instance = isStatic ? (wrapper.instance as object) : await scopedInstance(wrapper, client);
      const own = isStatic ? route : ownRoute(route, instance);
      const enhancers = await this.#load(
        own === route ? supplies : this.#suppliesOf(own, host),
        client,
        wrapper,
      );
      return this.#build(own, instance, enhancers)(client, ...call);
    });
  }

  /** Finds one supply for each enhancer, global ones first. @throws FanoutError FANOUT_PROTECTION */
  #suppliesOf(route: DeclaredRoute, { wrapper }: GatewayClass): Supplies {
    const found = <T>(kind: EnhancerKind, find: () => T): T => {
      try {
        return find();
      } catch (error) {
        const { noun } = ENHANCER_KINDS[kind];
        throw new FanoutError('FANOUT_PROTECTION', route.name, noun, (error as Error).message);
      }
    };
    const supply = (kind: EnhancerKind, ref: EnhancerRef): Supply =>
      found(kind, () => supplyOf(kind, ref, wrapper.host!));
    const all = (kind: EnhancerKind): Supply<any>[] => [
      ...found(kind, () => this.#globalSupplies(kind)),
      ...route[kind].map(ref => supply(kind, ref)),
    ];
    return {
      guards: all('guards'),
      pipes: all('pipes'),
      interceptors: all('interceptors'),
      filters: all('filters'),
      parameters: route.parameters.map(({ pipes }) =>
        pipes.map(ref => supply('pipes', ref) as Supply<PipeTransform>),
      ),
    };
  }

  /**
   * Global enhancers, scoped ones last, in Nest's order. Global filters are written for HTTP and left out, as under
   * `WsAdapter`.
   */
  #globalSupplies(kind: EnhancerKind): Supply[] {
    const globals = this.#globals;
    const supplies = (instances: readonly unknown[], scoped: readonly InstanceWrapper[]): Supply[] => [
      ...instances.map(instance => globalSupply(kind, instance)),
      ...scoped.map(wrapper => scopedSupply(kind, wrapper)),
    ];
    switch (kind) {
      case 'guards':
        return supplies(globals.getGlobalGuards(), globals.getGlobalRequestGuards());
      case 'pipes':
        return supplies(globals.getGlobalPipes(), globals.getGlobalRequestPipes());
      case 'interceptors':
        return supplies(globals.getGlobalInterceptors(), globals.getGlobalRequestInterceptors());
      case 'filters':
        return [];
    }
  }

  /** Builds the request-scoped and transient enhancers, in the context of the client's connection. */
  async #load(supplies: Supplies, client: WebSocket, wrapper: InstanceWrapper): Promise<LoadedEnhancers> {
    const context: ContextId = connectionContext(wrapper, client);
    const built = new Map<Supply, unknown>();
    for (const supply of everySupply(supplies)) built.set(supply, await load(supply, context));
    return enhancersFrom(supplies, supply => built.get(supply));
  }

  #build(route: DeclaredRoute, instance: object, enhancers: LoadedEnhancers): HandlerFunction {
    const { guards, pipes, interceptors, filters, parameterPipes } = enhancers;
    const parameters = route.parameters.map((parameter, at) => ({
      ...parameter,
      read: readerOf(parameter, route),
      pipes: parameterPipes[at]!,
    }));
    // A constructor may have replaced the method by a bound or wrapped function.
    const method = (instance as Record<string, Method>)[route.method]!;
    const around = [guards, pipes, interceptors, filters, ...parameterPipes];
    if (around.every(({ length }) => length === 0)) return directHandler(instance, method, parameters);
    const blame = this.#blame;
    return enhancedHandler(route, instance, method, {
      guards: guards.map(guard => blame.guard(guard)),
      pipes,
      interceptors: interceptors.map(interceptor => blame.interceptor(interceptor)),
      filters,
      parameters,
    });
  }
}

interface LoadedEnhancers extends Omit<Enhancers, 'parameters'> {
  readonly parameterPipes: readonly (readonly PipeTransform[])[];
}

/** Returns the route of an instance. Its constructor may have replaced the method by another function. */
function ownRoute(route: DeclaredRoute, instance: object): DeclaredRoute {
  const { handler, metatype, method } = route;
  const isReplaced = (instance as Record<string, unknown>)[method] !== handler;
  return isReplaced ? declaredRoute(metatype, method, instance) : route;
}

function everySupply({ guards, pipes, interceptors, filters, parameters }: Supplies): Supply[] {
  return [...guards, ...pipes, ...interceptors, ...filters, ...parameters.flat()];
}

function isPresent(supplies: Supplies): boolean {
  return everySupply(supplies).every(({ instance }) => instance !== undefined);
}

function enhancersFrom(supplies: Supplies, instanceOf: (supply: Supply<any>) => any): LoadedEnhancers {
  return {
    guards: supplies.guards.map(instanceOf),
    pipes: supplies.pipes.map(instanceOf),
    interceptors: supplies.interceptors.map(instanceOf),
    filters: supplies.filters.map(instanceOf),
    parameterPipes: supplies.parameters.map(pipes => pipes.map(instanceOf)),
  };
}

function marked(handler: HandlerFunction): GatewayHandler {
  return handler as GatewayHandler;
}
