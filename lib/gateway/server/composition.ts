import type { Logger } from '@nestjs/common';
import type { ApplicationConfig } from '@nestjs/core';
import type { Delivery } from '../../broadcast/delivery.js';
import type { ConnectionRegistry } from '../../connection/connection-registry.js';
import { FirstGrants } from '../../connection/first-grants.js';
import { flightTimeOf } from '../../connection/flight-time.js';
import type { ConnectionDeps } from '../../connection/socket-connection.js';
import { webSocketKind } from '../../connection/web-socket-kind.js';
import { WaitingAnswers } from '../../connection/waiting-answers.js';
import type { Clock } from '../../time/clock.js';
import { Refusal } from '../../errors/refusals.js';
import type { HeartbeatMonitor } from '../../heartbeat/heartbeat-monitor.js';
import type { Observation } from '../../observe/observation.js';
import type { ErrorLog } from '../../observe/sampled-errors.js';
import type { Protocols } from '../../protocol/protocols.js';
import type { ResolvedFanoutOptions } from '../../options/fanout-options.js';
import type { TopicRegistry } from '../../topic/topic-registry.js';
import type { UsageLimits } from '../../limits/usage-limits.js';
import { AdmissionSlots } from '../../limits/admission-slots.js';
import { AdmissionUsers } from '../admission/admission-users.js';
import { type ClientConnection, type ClientSession, sessionOf } from '../session/client-session.js';
import { ConnectionLifecycle } from './connection-lifecycle.js';
import { createCredentials } from '../messages/credentials.js';
import { Answers } from '../session/answers.js';
import type { GatewayExplorer } from '../nest/gateway-explorer.js';
import { GatewayHandlers } from '../handshake/gateway-handlers.js';
import { GatewayServer } from './gateway-server.js';
import { globalsOf } from '../handshake/handshake-enhancers.js';
import type { Expiries } from '../handshake/expiries.js';
import type { UnfinishedMessages } from '../messages/unfinished-messages.js';
import { InboundLimits } from '../messages/inbound-limits.js';
import { MessageRouter } from '../messages/message-router.js';
import { Blame } from '../protection/blame.js';
import { Protection } from '../protection/protection.js';
import { Shutdown } from './shutdown.js';
import { LeaveHooks, reasonOfClosing } from '../subscribe/leave-hooks.js';
import { SnapshotRenewal } from '../subscribe/snapshot-renewal.js';
import { SubscribeRouter } from '../subscribe/subscribe-router.js';
import { TopicRequests } from '../subscribe/topic-requests.js';
import { TopicRoom } from '../subscribe/topic-room.js';
import { TopicSources } from '../subscribe/topic-sources.js';

/** Collaborators of {@link createGateway}. */
export interface GatewayDeps {
  readonly options: ResolvedFanoutOptions;
  readonly explorer: GatewayExplorer;
  readonly config: ApplicationConfig;
  readonly delivery: Delivery;
  readonly protocols: Protocols;
  readonly connections: ConnectionRegistry;
  readonly heartbeat: HeartbeatMonitor;
  readonly observation: Observation;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Log for errors that clients can provoke. */
  readonly errors: ErrorLog;
}

/** Parts of the gateway that other rooms need. */
export interface Gateway {
  readonly router: MessageRouter;
  readonly server: GatewayServer;
  readonly shutdown: Shutdown;
  readonly expiries: Expiries<ClientSession>;
  readonly unfinished: UnfinishedMessages;
}

/** Parts that answer subscribes. */
interface Subscribing {
  readonly requests: TopicRequests;
  readonly subscribes: SubscribeRouter;
  readonly leaveHooks: LeaveHooks;
}

/** Creates the parts of the gateway: admission, inbound messages, topics and answers. */
export function createGateway(deps: GatewayDeps): Gateway {
  const { options, delivery, connections, observation, clock, errors } = deps;
  const { topics, broadcaster } = delivery;
  const inbound = new InboundLimits({ ...deps, ...observation });
  const { usage, offenders } = inbound;
  const answers = new Answers({ errors, offenders });
  const { requests, subscribes, leaveHooks } = createSubscribing(deps, usage, answers);
  const { rejections } = observation;
  const checks = { options, topics, requests, rejections, usage, clock, errors, answers };
  const { gate, expiries, refreshes } = createCredentials(checks);
  const warn = (line: string): void => deps.logger.warn(line);
  const { streams } = options.limits;
  const router = new MessageRouter({ subscribes, refreshes, streams, answers, usage, clock, errors, warn });
  const slots = new AdmissionSlots(options.limits);
  const users = new AdmissionUsers(options.limits.connectionsPerUser, connections, rejections);
  const connection = connectionDeps(deps, subscribes, users);
  const lifecycle = new ConnectionLifecycle({
    ...deps,
    topics,
    expiries,
    ...inbound.partsFor(router),
    connection,
    // Without pings nothing shows what a client has read.
    connectionWithoutPings: { ...connection, flightTime: Infinity, firstGrants: new FirstGrants(Infinity) },
    slots,
    logger: errors,
  });
  const { enhancers, globals } = globalsOf(deps.config, options.globalEnhancers);
  const handlers = new GatewayHandlers(new Protection(globals, new Blame(warn)), enhancers);
  const { bans, unfinished } = inbound;
  const entrance = { handlers, guards: gate, lifecycle, bans, slots, users };
  const server = new GatewayServer({ ...deps, ...observation, ...entrance });
  const ending = { server, broadcaster, connections, lifecycle, leaveHooks, router, clock };
  const shutdown = new Shutdown(ending, options.shutdown.drain);
  return { router, server, shutdown, expiries, unfinished };
}

function createSubscribing(deps: GatewayDeps, usage: UsageLimits, answers: Answers): Subscribing {
  const { options, delivery, connections, observation, errors } = deps;
  const { topics, broadcaster, catchUp } = delivery;
  const tellFailed = (name: string): void => tellSourceFailed(answers, topics, connections, name);
  const sources = new TopicSources(broadcaster, tellFailed, errors);
  const leaveHooks = new LeaveHooks(errors);
  const room = new TopicRoom(topics, options.limits.topics);
  const requests = new TopicRequests(delivery, sources, room);
  const subscribes = new SubscribeRouter({
    delivery,
    sources,
    requests,
    answers,
    usage,
    room,
    load: observation.load,
    topicsPerConnection: options.limits.topicsPerConnection,
  });
  const renewal = new SnapshotRenewal({ topics, catchUp, requests, answers });
  topics.listen({
    vacated: topic => sources.stop(topic.name),
    left: (subscription, reason) => leaveHooks.left(subscription, reason),
  });
  catchUp.resyncWith((subscription, reason) => renewal.renew(subscription, reason));
  return { requests, subscribes, leaveHooks };
}

function connectionDeps(
  { options, delivery, connections, observation, clock }: GatewayDeps,
  subscribes: SubscribeRouter,
  users: AdmissionUsers,
): ConnectionDeps {
  const { topics, backlog, catchUp, laggards, presence } = delivery;
  const flightTime = flightTimeOf(options.slowConsumer.lag);
  return {
    turnWrites: delivery.turnWrites,
    waiting: new WaitingAnswers(laggards),
    maxUnsentBytes: options.slowConsumer.maxBytes,
    flightTime,
    firstGrants: new FirstGrants(flightTime),
    clock,
    counters: observation.counters,
    kind: webSocketKind,
    pinned: backlog.add.bind(backlog),
    drained: (connection: ClientConnection) => catchUp.drained(connection.sink),
    subscribe: subscribes.subscribeFromServer.bind(subscribes),
    unsubscribe: subscribes.unsubscribeFromServer.bind(subscribes),
    userChanged: (connection: ClientConnection) => {
      // Updates the index first, because the application may search it during the calls that follow.
      connections.userChanged(connection);
      presence.userChanged(connection);
      users.assigned(connection);
    },
    finishing: subscribes.finish.bind(subscribes),
    closing: (connection: ClientConnection) => {
      topics.leaveAll(connection, reasonOfClosing(connection));
      sessionOf(connection.transport)?.inbound.clear();
    },
  };
}

function tellSourceFailed(
  answers: Answers,
  topics: TopicRegistry,
  connections: ConnectionRegistry,
  name: string,
): void {
  const refusal = new Refusal('SOURCE_FAILED', name);
  for (const { subscriber } of topics.find(name)?.listeners() ?? []) {
    const connection = connections.get(subscriber.id);
    if (connection !== undefined) answers.notify(connection, refusal);
  }
}
