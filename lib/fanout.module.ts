import {
  type BeforeApplicationShutdown,
  ConfigurableModuleBuilder,
  type ConfigurableModuleAsyncOptions,
  type DynamicModule,
  Inject,
  type InjectionToken,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Provider,
} from '@nestjs/common';
import { ApplicationConfig, LazyModuleLoader, ModuleRef, ModulesContainer } from '@nestjs/core';
import { Broadcaster } from './broadcast/broadcaster.js';
import { Delivery } from './broadcast/delivery.js';
import { ProcessBroadcaster } from './broadcast/topic-broadcaster.js';
import { ConnectionRegistry, Connections } from './connection/connection-registry.js';
import { FanoutError } from './errors/fanout-error.js';
import { assertUsable, FanoutAdapter } from './gateway/server/fanout-adapter.js';
import { atShutdown } from './gateway/server/first-hook.js';
import { GatewayExplorer } from './gateway/nest/gateway-explorer.js';
import { GatewayServer } from './gateway/server/gateway-server.js';
import { MessageRouter } from './gateway/messages/message-router.js';
import { PostponedDrains } from './gateway/server/postponed-drains.js';
import { assertProtected, Canary } from './gateway/protection/canary.js';
import { giveBroadcasterTo } from './gateway/nest/publish.decorator.js';
import { serializePublications } from './gateway/nest/publication-serializers.js';
import { createGateway, type Gateway } from './gateway/server/composition.js';
import { markServed } from './gateway/nest/served.js';
import { StartChecks } from './gateway/server/start-checks.js';
import { SteadyLogger } from './gateway/nest/steady-logger.js';
import { GatewayTopicPolicies } from './gateway/nest/topic-policies.js';
import { HeartbeatMonitor } from './heartbeat/heartbeat-monitor.js';
import { BufferPool } from './memory/buffer-pool.js';
import { FanoutMetrics } from './observe/metrics.js';
import { type Observation, observeProcess } from './observe/observation.js';
import { SampledErrors } from './observe/sampled-errors.js';
import type { FanoutOptions } from './options/fanout-options.js';
import { PROTOCOLS, Protocols } from './protocol/protocols.js';
import { resolveOptions } from './options/resolve-options.js';
import { Clock } from './time/clock.js';
import { processClock } from './time/process-clock.js';

/** Class for `useClass` and `useExisting` of `FanoutModule.forRootAsync()`. */
export interface FanoutOptionsFactory {
  createFanoutOptions(): FanoutOptions | Promise<FanoutOptions>;
}

/** Parts of a running server that providers and hooks need. */
interface FanoutRuntime {
  readonly adapter: FanoutAdapter;
  readonly pool: BufferPool;
  readonly connections: ConnectionRegistry;
  readonly heartbeat: HeartbeatMonitor;
  readonly gateway: Gateway;
  readonly delivery: Delivery;
  readonly policies: GatewayTopicPolicies;
  readonly checks: StartChecks;
  readonly broadcaster: Broadcaster;
  readonly router: MessageRouter;
  readonly server: GatewayServer;
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

/** Creates the parts of all rooms. No other function knows all rooms. */
// oxlint-disable-next-line max-lines-per-function -- a list of parts, each made once, in the order of their needs
function compose(
  given: FanoutOptions | undefined,
  modules: ModulesContainer,
  config: ApplicationConfig,
  moduleRef: ModuleRef,
  clock: Clock,
  protocols: Protocols,
): FanoutRuntime {
  if (given === undefined) throw new FanoutError('FANOUT_FOR_ROOT');
  const options = resolveOptions(given);
  const logger = new SteadyLogger('Fanout');
  const errors = new SampledErrors(clock.now, logger);
  const observation = observeProcess(options, clock, logger);
  const pool = new BufferPool();
  const connections = new ConnectionRegistry();
  const heartbeat = new HeartbeatMonitor(clock);
  const explorer = new GatewayExplorer(modules, logger);
  const policies = new GatewayTopicPolicies(explorer, options.slowConsumer.policy, line => logger.warn(line));
  const delivery = new Delivery({
    settings: options,
    clock,
    pool,
    counters: observation.counters,
    policies,
    connections,
    logger: errors,
  });
  const gateway = createGateway({
    options,
    explorer,
    config,
    delivery,
    protocols,
    connections,
    heartbeat,
    observation,
    clock,
    logger,
    errors,
  });
  const adapter = new FanoutAdapter(moduleRef);
  return {
    adapter,
    pool,
    connections,
    heartbeat,
    gateway,
    delivery,
    policies,
    checks: new StartChecks(modules, explorer, logger),
    broadcaster: new ProcessBroadcaster(delivery.broadcaster),
    router: gateway.router,
    server: gateway.server,
    observation,
    metrics: observation.metrics,
  };
}

function part(provide: InjectionToken, key: keyof FanoutRuntime): Provider {
  return { provide, useFactory: (runtime: FanoutRuntime) => runtime[key], inject: [RUNTIME] };
}

/**
 * Topics, broadcasting, heartbeat and pooled buffers for `ws` gateways. Import this module once, in the root module. It
 * is global, and installs its WebSocket adapter by itself.
 */
@Module({
  providers: [
    { provide: Clock, useValue: processClock },
    { provide: PROTOCOLS, useFactory: () => new Protocols() },
    {
      provide: RUNTIME,
      useFactory: compose,
      inject: [
        { token: MODULE_OPTIONS_TOKEN, optional: true },
        ModulesContainer,
        ApplicationConfig,
        ModuleRef,
        Clock,
        PROTOCOLS,
      ],
    },
    part(FanoutAdapter, 'adapter'),
    part(BufferPool, 'pool'),
    part(Connections, 'connections'),
    part(HeartbeatMonitor, 'heartbeat'),
    part(Broadcaster, 'broadcaster'),
    part(MessageRouter, 'router'),
    part(GatewayServer, 'server'),
    part(FanoutMetrics, 'metrics'),
    Canary,
  ],
  exports: [FanoutAdapter, BufferPool, Connections, HeartbeatMonitor, Broadcaster, FanoutMetrics],
})
export class FanoutModule
  extends ConfigurableModuleClass
  implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  readonly #config: ApplicationConfig;
  readonly #runtime: FanoutRuntime;
  readonly #modules: ModulesContainer;
  readonly #lazyLoader: LazyModuleLoader;
  readonly #drains = new PostponedDrains();

  /** @internal */
  constructor(
    config: ApplicationConfig,
    @Inject(RUNTIME) runtime: FanoutRuntime,
    modules: ModulesContainer,
    lazyLoader: LazyModuleLoader,
  ) {
    super();
    this.#lazyLoader = lazyLoader;
    markServed();
    if (config.getIoAdapter() instanceof FanoutAdapter) throw new FanoutError('FANOUT_MODULE_TWICE');
    config.setIoAdapter(runtime.adapter);
    this.#config = config;
    this.#runtime = runtime;
    this.#modules = modules;
  }

  /**
   * Configures the module. @param options all have defaults; see `FanoutOptions`
   * @throws FanoutError FANOUT_OPTION, FANOUT_OPTION_UNKNOWN at start
   */
  static override forRoot(options: FanoutOptions = {}): DynamicModule {
    return super.forRoot(options);
  }

  /**
   * Configures the module like {@link forRoot}, with options from `useFactory`, `useClass` or `useExisting`
   * (`createFanoutOptions()`).
   */
  static override forRootAsync(
    options: ConfigurableModuleAsyncOptions<FanoutOptions, 'createFanoutOptions'>,
  ): DynamicModule {
    return super.forRootAsync(options);
  }

  /** @internal */
  async onModuleInit(): Promise<void> {
    assertUsable(this.#config.getIoAdapter());
    this.#runtime.checks.checkInternals();
    await assertProtected(this.#modules);
    this.#runtime.checks.run();
    this.#runtime.checks.watch(this.#lazyLoader);
    giveBroadcasterTo(this.#modules, this.#runtime.broadcaster);
    await serializePublications(this.#runtime.broadcaster, this.#config);
    this.#drains.take(this.#modules);
    atShutdown(this.#modules, () => this.#runtime.server.refuseUpgrades());
    this.#runtime.server.bind();
    this.#runtime.policies.load();
  }

  /** @internal */
  async onApplicationBootstrap(): Promise<void> {
    const { server, observation } = this.#runtime;
    await server.listen();
    if (!server.serves) return;
    observation.preflight.start(server.backlog);
    observation.load.start();
  }

  /** @internal */
  async beforeApplicationShutdown(): Promise<void> {
    const { server, gateway, heartbeat, delivery, observation } = this.#runtime;
    observation.load.stop();
    // All clients leave now. Telling each of them about all others would help nobody.
    delivery.presence.stop();
    if ((this.#config.getIoAdapter() as FanoutAdapter).forceCloseConnections) gateway.shutdown.hurry();
    const leftMs = await gateway.shutdown.run();
    heartbeat.stop();
    gateway.expiries.stop();
    gateway.unfinished.stop();
    delivery.stop();
    await server.drained(leftMs);
    await this.#drains.run();
  }

  /** @internal */
  onApplicationShutdown(): void {
    this.#runtime.server.release();
  }
}
