import { FanoutError } from '../../errors/fanout-error.js';
import type { HeartbeatPolicy } from '../../heartbeat/heartbeat-monitor.js';
import { resolveHeartbeat } from '../../options/resolve-options.js';
import { RENEWAL_EVENTS, TOPIC_EVENTS } from '../../protocol/json-messages.js';
import { type TopicPattern, TopicPatterns } from '../../topic/topic-pattern.js';
import type { ClientEndpoint, GatewayGuards, Route } from '../session/client-endpoint.js';
import type { EndpointServer } from './endpoint-server.js';
import type { Gateway } from '../nest/gateway-explorer.js';
import type { GatewayHandlers } from './gateway-handlers.js';
import type { GatewayHook, LeaveHook } from '../nest/gateway-hook.js';
import type { PathOptions, VerifyClient } from '../nest/gateway-options.js';

/** One path on one port, with all its gateways: one parse and one lookup for each message. */
export class Endpoint implements ClientEndpoint {
  readonly events = new Map<string, Route>();
  readonly topics = new TopicPatterns<Route>();
  readonly connectHooks: GatewayHook[] = [];
  readonly disconnectHooks: GatewayHook[] = [];
  readonly leaveHooks: LeaveHook[] = [];
  /** Guards of each gateway that has any. A client must pass all of them. */
  readonly handshakeGuards: GatewayGuards[] = [];
  /** `verifyClient` of each gateway that has one. A client must pass all of them. */
  readonly verifyClients: VerifyClient[] = [];
  heartbeat: HeartbeatPolicy | false;
  #topicNamed: string | undefined;
  #guardedBy: string | undefined;
  #heartbeatBy: string | undefined;

  /** @param path with its parameters, if any; undefined matches every path of its port */
  constructor(
    readonly port: number,
    readonly path: string | undefined,
    readonly server: EndpointServer,
    heartbeat: HeartbeatPolicy | false,
  ) {
    this.heartbeat = heartbeat;
  }

  /** Sets the combined options of the gateways and the adapter of this endpoint. */
  configure({ verifyClients, ws }: PathOptions): void {
    this.verifyClients.push(...verifyClients);
    this.server.configure(ws);
  }

  /**
   * Adds a gateway. @throws FanoutError FANOUT_EVENT_DUPLICATE, FANOUT_TOPIC_AMBIGUOUS, FANOUT_HEARTBEAT_CONFLICT,
   * FANOUT_HANDSHAKE_GUARD, and the errors of options
   */
  add(gateway: Gateway, handlers: GatewayHandlers): void {
    this.#useHeartbeat(gateway);
    this.#useGuards(gateway, handlers.handshakeGuards(gateway));
    for (const { event, method } of gateway.events) {
      this.#addEvent({
        handle: handlers.handler(gateway, method),
        pattern: event,
        name: `${gateway.name}.${method}`,
      });
    }
    const leaveHook = handlers.leaveHook(gateway);
    if (leaveHook !== undefined) this.leaveHooks.push(leaveHook);
    for (const { pattern, method } of gateway.topics) {
      this.#addTopic(pattern, {
        handle: handlers.handler(gateway, method),
        pattern: pattern.text,
        name: `${gateway.name}.${method}`,
        leaveHook,
      });
    }
    const connect = handlers.hook(gateway, 'handleConnection');
    if (connect !== undefined) this.connectHooks.push(connect);
    const disconnect = handlers.hook(gateway, 'handleDisconnect');
    if (disconnect !== undefined) this.disconnectHooks.push(disconnect);
  }

  #addEvent(route: Route): void {
    const other = this.events.get(route.pattern)?.name;
    if (other !== undefined) this.#refuseEvent(route.pattern, other, route.name);
    this.events.set(route.pattern, route);
    this.#assertProtocolEvents();
  }

  #addTopic(pattern: TopicPattern, route: Route): void {
    const other = this.topics.add(pattern, route);
    if (other !== undefined) {
      throw new FanoutError(
        'FANOUT_TOPIC_AMBIGUOUS',
        other.pattern.text,
        other.route.name,
        pattern.text,
        route.name,
        this.path ?? '*',
      );
    }
    this.#topicNamed ??= route.name;
    this.#assertProtocolEvents();
  }

  #useGuards(gateway: Gateway, guards: GatewayGuards | undefined): void {
    if (guards === undefined) return;
    this.handshakeGuards.push(guards);
    this.#guardedBy ??= guardsOf(gateway);
    this.#assertProtocolEvents();
  }

  #assertProtocolEvents(): void {
    if (this.#topicNamed !== undefined)
      this.#assertFree(TOPIC_EVENTS, `the @Topic methods (${this.#topicNamed})`);
    if (this.#guardedBy !== undefined) this.#assertFree(RENEWAL_EVENTS, this.#guardedBy);
  }

  #assertFree(events: readonly string[], takenBy: string): void {
    for (const event of events) {
      const handler = this.events.get(event);
      if (handler !== undefined) this.#refuseEvent(event, takenBy, handler.name);
    }
  }

  #refuseEvent(event: string, first: string, second: string): never {
    throw new FanoutError('FANOUT_EVENT_DUPLICATE', event, this.path ?? '*', first, second);
  }

  #useHeartbeat(gateway: Gateway): void {
    if (gateway.heartbeat === undefined) return;
    const base = this.heartbeat === false ? undefined : this.heartbeat;
    const policy = resolveHeartbeat(`@Heartbeat of ${gateway.name}`, gateway.heartbeat, base);
    if (this.#heartbeatBy !== undefined && !samePolicy(policy, this.heartbeat)) {
      throw new FanoutError('FANOUT_HEARTBEAT_CONFLICT', this.#heartbeatBy, gateway.name, this.path ?? '*');
    }
    this.#heartbeatBy = gateway.name;
    this.heartbeat = policy;
  }
}

/** Returns the name of a gateway's handshake check, for errors. */
function guardsOf({ name, handshakeGuards }: Gateway): string {
  return handshakeGuards.length > 0 ? `@UseHandshakeGuards() of ${name}` : "globalEnhancers: 'handshake'";
}

function samePolicy(a: HeartbeatPolicy | false, b: HeartbeatPolicy | false): boolean {
  return a === b || (a !== false && b !== false && a.interval === b.interval && a.timeout === b.timeout);
}
