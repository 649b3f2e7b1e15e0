import { Catch, ClassSerializerInterceptor } from '@nestjs/common';
import { ApplicationConfig, ModuleRef, ModulesContainer } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import {
  BaseWsExceptionFilter,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { beforeAll, describe, expect, it } from 'vitest';
import { FanoutError } from '../../../../lib/errors/fanout-error.js';
import {
  missingNestInternals,
  type NestParts,
  ProbeGateway,
} from '../../../../lib/gateway/nest/internals.js';
import {
  ExecutionContextHost,
  Injector,
  type InstanceWrapper,
  InterceptorsConsumer,
  type Module,
  PipesConsumer,
  WsParamsFactory,
  WsParamtype,
} from '../../../../lib/gateway/nest/private-api.js';

@Catch(FanoutError)
class ProbeFilter {}

const intact: NestParts = {
  injector: Injector.prototype,
  config: ApplicationConfig.prototype,
  contextHost: ExecutionContextHost.prototype,
  interceptorsConsumer: InterceptorsConsumer.prototype,
  pipesConsumer: PipesConsumer.prototype,
  paramsFactory: WsParamsFactory.prototype,
  paramTypes: WsParamtype,
  serializer: ClassSerializerInterceptor.prototype,
  baseFilter: BaseWsExceptionFilter,
  gateway: ProbeGateway,
  filter: ProbeFilter,
};

/** The object without one of its members. */
const without = <T extends object>(target: T, member: string): T =>
  Object.create(target, { [member]: { value: undefined, writable: true } }) as T;

/** Applies decorators to a class without any. */
const decorated = (...decorators: ((target: Function) => unknown)[]): Function => {
  class Plain {
    probe(): void {}
  }
  for (const decorate of decorators) decorate(Plain);
  return Plain;
};

const asGateway = WebSocketGateway(81, { path: '/probe' });
const withServer = (target: Function): void => WebSocketServer()(target.prototype as object, 'server');
const withMessage = ({ prototype }: Function): unknown =>
  SubscribeMessage('probe')(prototype, 'probe', Object.getOwnPropertyDescriptor(prototype, 'probe')!);

/** Base filter as another version of Nest might have it. */
const filterWithout = (member: string): Function => {
  class Filter {
    catch(): void {}
    handleError(): void {}
    handleUnknownError(): void {}
  }
  Reflect.deleteProperty(Filter.prototype, member);
  return Object.defineProperty(Filter, 'name', { value: 'BaseWsExceptionFilter' });
};

/** Missing members that decide who may connect, call or read. */
const PROTECTING: readonly [member: string, Partial<NestParts>, part: string][] = [
  [
    'the mark of a gateway',
    { gateway: decorated(withServer, withMessage) },
    'the metadata of @WebSocketGateway',
  ],
  [
    'the port of a gateway',
    { gateway: decorated(WebSocketGateway({ path: '/probe' }), withServer, withMessage) },
    'the metadata of @WebSocketGateway',
  ],
  [
    'the options of a gateway',
    { gateway: decorated(WebSocketGateway(81), withServer, withMessage) },
    'the metadata of @WebSocketGateway',
  ],
  [
    'the events of a gateway',
    { gateway: decorated(asGateway, withServer) },
    'the metadata of @WebSocketGateway',
  ],
  [
    'the server of a gateway',
    { gateway: decorated(asGateway, withMessage) },
    'the metadata of @WebSocketGateway',
  ],
  ['the types of a filter', { filter: decorated() }, 'the metadata of @Catch'],
  ['loadPerContext', { injector: without(Injector.prototype, 'loadPerContext') }, 'the injector'],
  ...[
    'getGlobalGuards',
    'getGlobalPipes',
    'getGlobalInterceptors',
    'getGlobalRequestGuards',
    'getGlobalRequestPipes',
    'getGlobalRequestInterceptors',
  ].map(
    name =>
      [name, { config: without(ApplicationConfig.prototype, name) }, 'the global enhancers'] satisfies [
        string,
        Partial<NestParts>,
        string,
      ],
  ),
  ...['setType', 'getType', 'getClass', 'getHandler', 'getArgs'].map(
    name =>
      [
        name,
        { contextHost: without(ExecutionContextHost.prototype, name) },
        'the execution context',
      ] satisfies [string, Partial<NestParts>, string],
  ),
  [
    'intercept',
    { interceptorsConsumer: without(InterceptorsConsumer.prototype, 'intercept') },
    'the chains of interceptors and pipes',
  ],
  [
    'apply',
    { pipesConsumer: without(PipesConsumer.prototype, 'apply') },
    'the chains of interceptors and pipes',
  ],
  ['WsParamtype.SOCKET', { paramTypes: without(WsParamtype, 'SOCKET') }, 'the kinds of parameters'],
  ['WsParamtype.PAYLOAD', { paramTypes: without(WsParamtype, 'PAYLOAD') }, 'the kinds of parameters'],
  [
    'exchangeKeyForValue',
    { paramsFactory: without(WsParamsFactory.prototype, 'exchangeKeyForValue') },
    'the kinds of parameters',
  ],
  [
    'serialize',
    { serializer: without(ClassSerializerInterceptor.prototype, 'serialize') },
    'the serializers',
  ],
  [
    'getContextOptions',
    { serializer: without(ClassSerializerInterceptor.prototype, 'getContextOptions') },
    'the serializers',
  ],
];

describe('missingNestInternals', () => {
  let modules: ModulesContainer;

  beforeAll(async () => {
    const testing = await Test.createTestingModule({ providers: [ProbeFilter] }).compile();
    modules = testing.get(ModulesContainer);
  });

  /** The application's first module and its first provider, each with members replaced. */
  const changed = (ofModule: object, ofWrapper: object = {}): ModulesContainer => {
    const [real] = modules.values();
    const [[token, provider]] = real!.providers as unknown as [[never, InstanceWrapper]];
    const values = (members: object): PropertyDescriptorMap =>
      Object.fromEntries(Object.entries(members).map(([name, value]) => [name, { value }]));
    const module = Object.create(real!) as Module;
    const wrapper = Object.create(provider, values({ host: module, ...ofWrapper })) as InstanceWrapper;
    const providers = new Map([...real!.providers, [token, wrapper]]);
    Object.defineProperties(module, values({ providers, ...ofModule }));
    return new Map([['root', module]]) as ModulesContainer;
  };

  const thrownBy = (act: () => unknown): unknown => {
    try {
      return act();
    } catch (error) {
      return error;
    }
  };

  it('finds nothing with this version of Nest', () => {
    expect(missingNestInternals(modules)).toEqual([]);
    expect(missingNestInternals(modules, intact)).toEqual([]);
    expect(missingNestInternals(changed({}), intact)).toEqual([]);
  });

  it('starts without WsParamtype.ACK, which the first versions of Nest 11 do not have', () => {
    const paramTypes = without(WsParamtype, 'ACK');
    expect(missingNestInternals(modules, { ...intact, paramTypes })).toEqual([]);
  });

  it.each(PROTECTING)('stops the start without %s', (_, parts, part) => {
    expect(thrownBy(() => missingNestInternals(modules, { ...intact, ...parts }))).toMatchObject({
      code: 'FANOUT_NEST',
      message: expect.stringContaining(part),
    });
  });

  it.each(['providers', 'injectables', 'controllers'])('stops the start without %s of a module', member => {
    expect(thrownBy(() => missingNestInternals(changed({ [member]: undefined })))).toMatchObject({
      code: 'FANOUT_NEST',
      message: expect.stringContaining('the providers of a module'),
    });
  });

  it.each([
    ['host', 'the description of a provider'],
    ['isNotMetatype', 'the description of a provider'],
    ['isTransient', 'the description of a provider'],
    ['isDependencyTreeStatic', 'the scope of a provider'],
    ['getEnhancersMetadata', 'the scope of a provider'],
  ])('stops the start without %s of a provider', (member, part) => {
    expect(thrownBy(() => missingNestInternals(changed({}, { [member]: undefined })))).toMatchObject({
      code: 'FANOUT_NEST',
      message: expect.stringContaining(part),
    });
  });

  it.each([
    ['no ModuleRef', new Map()],
    ['a ModuleRef that registers no request', new Map([[ModuleRef, { instance: {} }]])],
  ])('stops the start with %s', (_, ofModule) => {
    const container = changed({});
    const [module] = container.values();
    for (const [token, wrapper] of ofModule) module!.providers.set(token, wrapper as never);
    if (ofModule.size === 0) module!.providers.delete(ModuleRef);
    expect(thrownBy(() => missingNestInternals(container))).toMatchObject({
      code: 'FANOUT_NEST',
      message: expect.stringContaining('the context of a connection'),
    });
  });

  it.each([
    ['the name of the base filter', class Renamed extends BaseWsExceptionFilter {}],
    ['catch of the base filter', filterWithout('catch')],
    ['handleError of the base filter', filterWithout('handleError')],
    ['handleUnknownError of the base filter', filterWithout('handleUnknownError')],
  ])('logs what is off without %s', (_, baseFilter) => {
    expect(missingNestInternals(modules, { ...intact, baseFilter })).toEqual([
      'Cannot use the base class of filters (BaseWsExceptionFilter.catch, handleError, handleUnknownError) of Nest: ' +
        'the answer of a filter that calls super.catch() has no id, or is not sent.',
    ]);
  });

  it.each(['distance', 'addProvider'])('logs what is off without %s of a module', member => {
    expect(missingNestInternals(changed({ [member]: undefined }))).toEqual([
      expect.stringMatching(
        /^Cannot use the order of modules .+ of Nest: a shutdown refuses new clients later/,
      ),
    ]);
  });
});
