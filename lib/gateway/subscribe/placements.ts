import { FanoutError } from '../../errors/fanout-error.js';
import type { Endpoint } from '../handshake/endpoint.js';
import type { Gateway } from '../nest/gateway-explorer.js';
import {
  adapterOptions,
  gatewayOptions,
  type Given,
  type OptionLayer,
  withoutReplaced,
} from '../nest/gateway-options.js';

/** Call of `create()` by Nest. */
interface Asked {
  readonly adapter: string;
  readonly port: number;
  readonly options: Given;
}

/** Options that an adapter of the application has changed. */
interface Replaced {
  readonly layer: OptionLayer;
  readonly asked: Given;
}

/**
 * Finds the endpoint of each gateway. Nest asks an adapter for the port and path of a gateway, but a subclass of
 * `FanoutAdapter` may return the server of another port or path. So the returned server decides.
 */
export class Placements {
  readonly #endpoints: Endpoint[] = [];
  readonly #answers = new Map<string, { readonly asked: Asked; readonly server: unknown }>();
  readonly #replaced = new Map<Endpoint, Replaced[]>();
  readonly #unserved = new Set<Endpoint>();
  #asking: Asked | undefined;

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /** Calls `create` for Nest, and records the result. */
  answer(adapter: string, port: number, options: Given, create: () => unknown): unknown {
    this.#asking = { adapter, port, options };
    try {
      const server = create();
      this.#answers.set(keyOf(port, options.path), { asked: this.#asking, server });
      return server;
    } finally {
      this.#asking = undefined;
    }
  }

  /** Adds an endpoint. @param served true if the endpoint has an HTTP server */
  add(endpoint: Endpoint, served: boolean): void {
    this.#endpoints.push(endpoint);
    if (!served) this.#unserved.add(endpoint);
  }

  served(endpoint: Endpoint): boolean {
    return !this.#unserved.has(endpoint);
  }

  /** Records the options of a call of `super.create()` that differ from the options of Nest. */
  asked(endpoint: Endpoint, given: Given): void {
    if (this.#asking === undefined) return;
    const { adapter, options } = this.#asking;
    const replaced = { layer: adapterOptions(adapter, options, given), asked: options };
    this.#replaced.set(endpoint, [...(this.#replaced.get(endpoint) ?? []), replaced]);
  }

  /** The options of an endpoint, from its gateways and from the adapter. */
  layersOf(endpoint: Endpoint, gateways: readonly Gateway[]): OptionLayer[] {
    const replaced = this.#replaced.get(endpoint) ?? [];
    const own = gateways.map(({ metatype }) =>
      replaced.reduce(
        (layer, { layer: adapter, asked }) => withoutReplaced(layer, adapter, asked),
        gatewayOptions(metatype),
      ),
    );
    return [...replaced.map(({ layer }) => layer), ...own];
  }

  /**
   * Matches every gateway with its endpoint. The result is empty in an application without gateways, such as an
   * application context.
   * @throws FanoutError FANOUT_ADAPTER_CREATE when a gateway or an endpoint is left over
   */
  match(gateways: readonly Gateway[]): Map<Gateway, Endpoint> {
    const matched = new Map<Gateway, Endpoint>();
    if (this.#answers.size === 0 && this.#endpoints.length === 0) return matched;
    for (const gateway of gateways) matched.set(gateway, this.#endpointOf(gateway));
    const bound = new Set(matched.values());
    const left = this.#endpoints.find(endpoint => !bound.has(endpoint));
    if (left !== undefined)
      throw unanswered(this.#anyAdapter, `it made the endpoint ${placeOf(left)}, which serves no gateway`);
    return matched;
  }

  clear(): void {
    this.#endpoints.length = 0;
    this.#answers.clear();
    this.#replaced.clear();
    this.#unserved.clear();
  }

  #endpointOf({ name, port, path }: Gateway): Endpoint {
    const answer = this.#answers.get(keyOf(port, path));
    if (answer === undefined)
      throw unanswered(
        this.#anyAdapter,
        `Nest has not called it for gateway ${name} ${placeOf({ port, path })}`,
      );
    const endpoint = this.#endpoints.find(({ server }) => server === answer.server);
    if (endpoint === undefined)
      throw unanswered(
        answer.asked.adapter,
        `for gateway ${name} ${placeOf({ port, path })} it returned ${kindOf(answer.server)}`,
      );
    return endpoint;
  }

  get #anyAdapter(): string {
    const [first] = this.#answers.values();
    return first?.asked.adapter ?? 'FanoutAdapter';
  }
}

/** Formats an endpoint for the log: `{/path}` or `{:port/path}`. */
export function placeOf({
  port,
  path,
}: {
  readonly port: number;
  readonly path: string | undefined;
}): string {
  return `{${port === 0 ? '' : `:${port}`}${path ?? ''}}`;
}

function unanswered(adapter: string, detail: string): FanoutError {
  return new FanoutError('FANOUT_ADAPTER_CREATE', adapter, detail);
}

function keyOf(port: number, path: unknown): string {
  return `${port} ${String(path)}`;
}

function kindOf(value: unknown): string {
  return typeof value === 'object' && value !== null
    ? `another ${value.constructor?.name ?? 'object'}`
    : String(value);
}
