import {
  type BeforeApplicationShutdown,
  ConfigurableModuleBuilder,
  type ConfigurableModuleAsyncOptions,
  type DynamicModule,
  Inject,
  type InjectionToken,
  Module,
  type OnApplicationBootstrap,
  type OnModuleInit,
  type Provider,
} from '@nestjs/common';
import { ApplicationConfig, ExternalContextCreator, ModuleRef, ModulesContainer } from '@nestjs/core';
import { Broadcaster } from './broadcast/broadcaster.js';
import { Delivery } from './broadcast/delivery.js';
import type { TopicBroadcaster } from './broadcast/topic-broadcaster.js';
import { ConnectionRegistry, Connections } from './connection/connection-registry.js';
import { wallTime } from './connection/wall-time.js';
import { TurnWrites } from './connection/turn-writes.js';
import { FanoutError } from './errors/fanout-error.js';
import { Refusal } from './errors/refusals.js';
import { AdmissionSlots } from './gateway/admission-slots.js';
import { AdmissionUsers } from './gateway/admission-users.js';
import { type ClientConnection, type ClientSession, sessionOf } from './gateway/client-session.js';
import { ConnectionLifecycle } from './gateway/connection-lifecycle.js';
import { createCredentials } from './gateway/credentials.js';
import { errorAnswer, errorFrame } from './gateway/error-frame.js';
import type { Expiries } from './gateway/expiries.js';
import { FanoutAdapter } from './gateway/fanout-adapter.js';
import { GatewayContextCreator } from './gateway/gateway-context-creator.js';
import { GatewayExplorer } from './gateway/gateway-explorer.js';
import { GatewayHandlers } from './gateway/gateway-handlers.js';
import { GatewayServer } from './gateway/gateway-server.js';
import { InboundRim } from './gateway/inbound-rim.js';
import { MessageRouter } from './gateway/message-router.js';
import { Shutdown } from './gateway/shutdown.js';
import { SnapshotRenewal } from './gateway/snapshot-renewal.js';
import { SteadyLogger } from './gateway/steady-logger.js';
import { SubscribeRouter } from './gateway/subscribe-router.js';
import { GatewayTopicPolicies } from './gateway/topic-policies.js';
import { TopicRoom } from './gateway/topic-room.js';
import { TopicRequests } from './gateway/topic-requests.js';
import { TopicSources } from './gateway/topic-sources.js';
import { HeartbeatMonitor } from './heartbeat/heartbeat-monitor.js';
import { BufferPool } from './memory/buffer-pool.js';
import { FanoutMetrics } from './observe/metrics.js';
import { type Observation, observeProcess } from './observe/observation.js';
import { SampledErrors } from './observe/sampled-errors.js';
import type { FanoutOptions } from './options/fanout-options.js';
import { resolveOptions } from './options/resolve-options.js';
import type { TopicRegistry } from './topic/topic-registry.js';

/** What `useClass` and `useExisting` of `FanoutModule.forRootAsync()` name. */
export interface FanoutOptionsFactory {
  createFanoutOptions(): FanoutOptions | Promise<FanoutOptions>;
}

/** The parts of a running server that providers and hooks need. */
interface FanoutRuntime {
  readonly adapter: FanoutAdapter;
  readonly pool: BufferPool;
  readonly connections: ConnectionRegistry;
  readonly heartbeat: HeartbeatMonitor;
  readonly expiries: Expiries<ClientSession>;
  readonly delivery: Delivery;
  readonly policies: GatewayTopicPolicies;
  readonly broadcaster: TopicBroadcaster;
  readonly router: MessageRouter;
  readonly server: GatewayServer;
  readonly shutdown: Shutdown;
  readonly observation: Observation;
  readonly metrics: FanoutMetrics;
}

const RUNTIME = Symbol('fanout:runtime');

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<FanoutOptions>({
  moduleName: 'Fanout',
})
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createFanoutOptions')
  .setExtras({}, definition => ({ ...definition, global: true }))
  .build();

const clock = {
  now: () => performance.now(),
  setImmediate: (callback: () => void) => setImmediate(callback),
  clearImmediate: (handle: unknown) => clearImmediate(handle as NodeJS.Immediate),
  setTimeout: (callback: () => void, ms: number) => setTimeout(callback, ms),
  clearTimeout: (handle: unknown) => clearTimeout(handle as NodeJS.Timeout),
};

const wallClock = {
  now: wallTime,
  random: () => Math.random(),
  setInterval: (callback: () => void, ms: number) => setInterval(callback, ms),
  clearInterval: (handle: unknown) => clearInterval(handle as NodeJS.Timeout),
};

/** Puts the rooms together: the one place that knows them all. */
function compose(
  given: FanoutOptions,
  modules: ModulesContainer,
  contexts: ExternalContextCreator,
  moduleRef: ModuleRef,
): FanoutRuntime {
  const options = resolveOptions(given);
  const logger = new SteadyLogger('Fanout');
  const errors = new SampledErrors(wallTime, logger);
  const observation = observeProcess(options, logger);
  const { rejections, load, preflight } = observation;
  const pool = new BufferPool();
  const connections = new ConnectionRegistry();
  const slots = new AdmissionSlots(options.limits);
  const users = new AdmissionUsers(options.limits.connectionsPerUser, connections, rejections);
  const heartbeat = new HeartbeatMonitor(wallClock);
  const explorer = new GatewayExplorer(modules);
  const policies = new GatewayTopicPolicies(explorer, options.slowConsumer.policy);
  const delivery = new Delivery({
    settings: options,
    clock,
    pool,
    policies,
    connections,
    listeners: {
      vacated: topic => sources.stop(topic.name),
      joined: () => {},
      left: () => {},
    },
    resync: subscription => renewal.renew(subscription),
    logger: errors,
  });
  const { topics, broadcaster, backlog, catchUp, presence } = delivery;
  const sources = new TopicSources(broadcaster, name => tellSourceFailed(topics, connections, name), errors);
  const room = new TopicRoom(topics, options.limits.topics);
  const requests = new TopicRequests(delivery, sources, room);
  const inbound = new InboundRim({ options, rejections, connections, clock: wallClock, logger });
  const subscribes = new SubscribeRouter({
    delivery,
    sources,
    requests,
    usage: inbound.usage,
    room,
    load,
    topicsPerConnection: options.limits.topicsPerConnection,
  });
  const { gate, expiries, refreshes } = createCredentials({
    options,
    topics,
    requests,
    rejections,
    usage: inbound.usage,
    errors,
  });
  const router = new MessageRouter({ subscribes, refreshes, offenders: inbound.offenders, errors });
  const renewal = new SnapshotRenewal({ topics, catchUp, requests, fail: router.fail });
  const host = {
    turnWrites: new TurnWrites(clock.setImmediate),
    maxUnsentBytes: options.slowConsumer.maxBytes,
    pinned: backlog.add.bind(backlog),
    drained: (connection: ClientConnection) => catchUp.drained(connection.sink),
    subscribe: subscribes.subscribeFromServer.bind(subscribes),
    unsubscribe: subscribes.unsubscribeFromServer.bind(subscribes),
    userChanged: (connection: ClientConnection) => {
      // First where others look for it: the application may look while it is asked about the member.
      connections.userChanged(connection);
      presence.userChanged(connection);
      users.assigned(connection);
    },
    finishing: subscribes.finish.bind(subscribes),
    closing: (connection: ClientConnection) => {
      topics.leaveAll(connection);
      sessionOf(connection.socket)?.inbound.clear();
    },
  };
  const lifecycle = new ConnectionLifecycle({
    options,
    connections,
    topics,
    heartbeat,
    expiries,
    ...inbound.leadingTo(router),
    host,
    slots,
    logger: errors,
  });
  const handlers = new GatewayHandlers(new GatewayContextCreator(contexts));
  const server = new GatewayServer({
    options,
    explorer,
    handlers,
    guards: gate,
    lifecycle,
    load,
    slots,
    users,
    rejections,
    heartbeat,
    preflight,
    logger,
  });
  const shutdown = new Shutdown(
    { server, broadcaster, connections, lifecycle, router },
    options.shutdown.drain,
  );
  const adapter = new FanoutAdapter(moduleRef);
  return {
    adapter,
    pool,
    connections,
    heartbeat,
    expiries,
    delivery,
    policies,
    broadcaster,
    router,
    server,
    shutdown,
    observation,
    metrics: observation.metrics,
  };
}

function tellSourceFailed(topics: TopicRegistry, connections: ConnectionRegistry, name: string): void {
  const text = errorFrame(undefined, errorAnswer(new Refusal('SOURCE_FAILED', name)));
  for (const { subscriber } of topics.find(name)?.listeners() ?? [])
    connections.get(subscriber.id)?.sendText(text);
}

function part(provide: InjectionToken, key: keyof FanoutRuntime): Provider {
  return { provide, useFactory: (runtime: FanoutRuntime) => runtime[key], inject: [RUNTIME] };
}

/**
 * Topics, broadcasting, heartbeat and pooled buffers for `ws` gateways. Import it once, in the root module; it is
 * global, and installs its WebSocket adapter by itself.
 */
@Module({
  providers: [
    {
      provide: RUNTIME,
      useFactory: compose,
      inject: [MODULE_OPTIONS_TOKEN, ModulesContainer, ExternalContextCreator, ModuleRef],
    },
    part(FanoutAdapter, 'adapter'),
    part(BufferPool, 'pool'),
    part(Connections, 'connections'),
    part(HeartbeatMonitor, 'heartbeat'),
    part(Broadcaster, 'broadcaster'),
    part(MessageRouter, 'router'),
    part(GatewayServer, 'server'),
    part(FanoutMetrics, 'metrics'),
  ],
  exports: [FanoutAdapter, BufferPool, Connections, HeartbeatMonitor, Broadcaster, FanoutMetrics],
})
export class FanoutModule
  extends ConfigurableModuleClass
  implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown
{
  readonly #config: ApplicationConfig;
  readonly #runtime: FanoutRuntime;

  constructor(config: ApplicationConfig, @Inject(RUNTIME) runtime: FanoutRuntime) {
    super();
    if (config.getIoAdapter() instanceof FanoutAdapter) throw new FanoutError('FANOUT_MODULE_TWICE');
    config.setIoAdapter(runtime.adapter);
    this.#config = config;
    this.#runtime = runtime;
  }

  /**
   * @param options every one has a default; see `FanoutOptions`
   * @throws FanoutError FANOUT_OPTION, FANOUT_OPTION_UNKNOWN at start
   */
  static override forRoot(options: FanoutOptions = {}): DynamicModule {
    return super.forRoot(options);
  }

  /** Like {@link forRoot}, with options from `useFactory`, `useClass` or `useExisting` (`createFanoutOptions()`). */
  static override forRootAsync(
    options: ConfigurableModuleAsyncOptions<FanoutOptions, 'createFanoutOptions'>,
  ): DynamicModule {
    return super.forRootAsync(options);
  }

  /** @internal */
  onModuleInit(): void {
    const adapter: unknown = this.#config.getIoAdapter();
    if (!(adapter instanceof FanoutAdapter)) {
      throw new FanoutError(
        'FANOUT_ADAPTER',
        (adapter as object | null)?.constructor.name ?? String(adapter),
      );
    }
    this.#runtime.server.bind();
    this.#runtime.policies.load();
  }

  /** @internal */
  async onApplicationBootstrap(): Promise<void> {
    const { server, observation } = this.#runtime;
    await server.listen();
    if (!server.serves) return;
    observation.preflight.start();
    observation.load.start();
  }

  /** @internal */
  async beforeApplicationShutdown(): Promise<void> {
    const { shutdown, heartbeat, expiries, delivery, observation } = this.#runtime;
    observation.load.stop();
    // Everybody leaves now, and telling each of the others of each would serve nobody.
    delivery.presence.stop();
    await shutdown.run();
    heartbeat.stop();
    expiries.stop();
    delivery.stop();
  }
}
