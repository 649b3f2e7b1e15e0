/**
 * Private parts of Nest that this library uses. No other file of lib imports from below the packages of Nest.
 * `internals.ts` checks the parts at start.
 */
export {
  CUSTOM_ROUTE_ARGS_METADATA,
  EXCEPTION_FILTERS_METADATA,
  FILTER_CATCH_EXCEPTIONS,
  GUARDS_METADATA,
  INJECTABLE_WATERMARK,
  INTERCEPTORS_METADATA,
  PARAMTYPES_METADATA,
  PIPES_METADATA,
} from '@nestjs/common/constants.js';
export { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
export { Injector } from '@nestjs/core/injector/injector.js';
export type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
export type { Module } from '@nestjs/core/injector/module.js';
export { InterceptorsConsumer } from '@nestjs/core/interceptors/interceptors-consumer.js';
export { PipesConsumer } from '@nestjs/core/pipes/pipes-consumer.js';
export {
  GATEWAY_METADATA,
  GATEWAY_OPTIONS,
  GATEWAY_SERVER_METADATA,
  MESSAGE_MAPPING_METADATA,
  MESSAGE_METADATA,
  PARAM_ARGS_METADATA,
  PORT_METADATA,
} from '@nestjs/websockets/constants.js';
export { WsParamtype } from '@nestjs/websockets/enums/ws-paramtype.enum.js';
export { WsParamsFactory } from '@nestjs/websockets/factories/ws-params-factory.js';
