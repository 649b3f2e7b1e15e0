// Every public name is on this page, and nothing else.
export { FanoutModule, type FanoutOptionsFactory } from './fanout.module.js';
export type {
  AdaptiveFlush,
  CompressionOptions,
  FanoutOptions,
  FixedFlush,
  FlushLimits,
  FlushOptions,
  HandshakeOptions,
  HistoryOptions,
  LimitOptions,
  OriginPolicy,
  PublishingOptions,
  ShutdownOptions,
  SlowConsumerOptions,
} from './options/fanout-options.js';
export type { PresenceOptions, TopicHistoryOptions, TopicOptions } from './options/topic-options.js';

export {
  Topic,
  type TopicDecorator,
  type TopicResult,
  type TopicSnapshot,
  type TopicSource,
} from './gateway/nest/topic.decorator.js';
export { CurrentConnection, TopicName, TopicParam } from './gateway/session/param.decorators.js';
export {
  Publish,
  type PublishDecorator,
  type Published,
  type TopicOf,
} from './gateway/nest/publish.decorator.js';
export { type HandshakeGuard, UseHandshakeGuards } from './gateway/nest/handshake-guards.decorator.js';
export { Heartbeat } from './gateway/nest/heartbeat.decorator.js';
export { HeartbeatGuard } from './gateway/messages/heartbeat.guard.js';
export type { OnTopicLeave } from './gateway/nest/gateway-hook.js';
export type { LeaveReason } from './topic/subscription.js';
export { FanoutAdapter, type GatewayOptions } from './gateway/server/fanout-adapter.js';
export type { HandshakeRequest } from './gateway/session/handshake-request.js';
export type { Incoming, MessageParser } from './protocol/protocol.js';
export type {
  CancelMessage,
  ClientMessage,
  CompleteFrame,
  ErrorFrame,
  EventFrame,
  EventMessage,
  GapFrame,
  MessageId,
  PingMessage,
  PongFrame,
  PublicationFrame,
  RefreshedFrame,
  RefreshMessage,
  RenewFrame,
  ServerFrame,
  SubscribeData,
  SubscribedFrame,
  SubscribeMessage,
  UnsubscribedFrame,
  UnsubscribeMessage,
} from './protocol/frames.js';
export type { HeartbeatPolicy } from './heartbeat/heartbeat-monitor.js';

export { Broadcaster } from './broadcast/broadcaster.js';
export type {
  CloseRequest,
  History,
  Publication,
  Position,
  Pressure,
  PublishOptions,
  Target,
} from './broadcast/broadcaster.js';
export type { Member, MemberList, MembersChange, Occupancy } from './broadcast/membership.js';
export { Connection } from './connection/connection.js';
export { Connections } from './connection/connection-registry.js';
export type { Handshake } from './connection/handshake.js';
export { BufferPool, type BufferPoolStats } from './memory/buffer-pool.js';

export { FanoutMetrics, type MetricsSnapshot } from './observe/metrics.js';
export type { Overload } from './observe/load.js';
export type { RejectionCause } from './observe/rejections.js';

export { FanoutError, type FanoutErrorCode } from './errors/fanout-error.js';
export { CLOSE, type Close } from './errors/close-codes.js';
export type { RefusalCode } from './errors/refusals.js';

export {
  type FilledSegment,
  type FilledTopic,
  type ParameterOf,
  topicName,
  type TopicParameters,
  type TopicValues,
} from './topic/filled-topic.js';
export type { TopicValue } from './topic/topic-value.js';
export type { SlowPolicy } from './topic/topic-policy.js';
// Stars, because declaration merging from an application reaches a re-exported interface only through one.
export * from './topic/topics.js';
export * from './connection/user.js';
