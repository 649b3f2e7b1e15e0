import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { GATEWAY_OPTIONS, PORT_METADATA } from './private-api.js';
import { FanoutError, shown } from '../../errors/fanout-error.js';
import {
  assertKnown,
  badOption,
  duration,
  integer,
  isObject,
  type Rule,
  type RulesOf,
} from '../../options/rules.js';
import type { WsServerOptions } from '../../ws/server-options.js';

/** Option `verifyClient` of a gateway, as in `ws`. A function with two parameters answers through the second. */
export type VerifyClient = (
  info: { readonly origin: string | undefined; readonly secure: boolean; readonly req: IncomingMessage },
  done?: (verified: unknown, code?: number, message?: string, headers?: OutgoingHttpHeaders) => void,
) => unknown;

/** Options by name, as given to `@WebSocketGateway()` or by an adapter. */
export type Given = Readonly<Record<string, unknown>>;

/** Highest limit that `ws` can store. A higher number overflows and limits nothing. */
const HIGHEST = 2 ** 31 - 1;

/** Options of the `ws` server of a path. The type refuses a name that `ws` does not know. */
const OF_PATH = {
  verifyClient: func(),
  handleProtocols: either(func(), value => value === null),
  WebSocket: func(),
  maxPayload: limit('bytes'),
  maxFragments: limit('fragments'),
  maxBufferedChunks: limit('chunks'),
  maxPendingAutoPongs: limit('pongs'),
  closeTimeout: duration(1, undefined),
  perMessageDeflate: either({ ...bool(), must: 'a boolean or an object' }, isObject),
  clientTracking: bool(),
  skipUTF8Validation: bool(),
  allowSynchronousEvents: bool(),
  autoPong: bool(),
} satisfies Partial<RulesOf<WsServerOptions>>;

/** Options of the server of a port. */
const OF_PORT: RulesOf<PortOptions> = {
  host: {
    must: 'a host name or an IP address',
    holds: value => typeof value === 'string' && value.trim() !== '',
    default: undefined,
  },
  backlog: integer(1, undefined, 'connections'),
};

/** Options that Nest reads itself. */
const OF_NEST = ['path', 'namespace'];

const KNOWN = [...OF_NEST, ...Object.keys(OF_PATH), ...Object.keys(OF_PORT)];

/** Names of limits. Of several values, the lowest counts. */
const LIMITS = new Set([
  'maxPayload',
  'maxFragments',
  'maxBufferedChunks',
  'maxPendingAutoPongs',
  'closeTimeout',
]);

const OF_SOCKET_IO =
  'it belongs to Socket.IO and has no effect on plain WebSockets, so remove it, or do without this adapter';

/** Names of options without an effect, each with the reason and what to do instead. */
const REFUSED: Readonly<Record<string, string>> = {
  port: 'give the port as the first argument, @WebSocketGateway(port, options)',
  server: 'a gateway is served by the HTTP server of the application, or by its own port; remove it',
  noServer: 'a gateway is served by the HTTP server of the application, or by its own port; remove it',
  cors: 'it belongs to Socket.IO: browsers do not apply CORS to WebSockets; set the option "origins" of FanoutModule.forRoot()',
  maxHttpBufferSize: 'it belongs to Socket.IO; the option of a plain WebSocket gateway is maxPayload',
  pingInterval:
    'it belongs to Socket.IO; use @Heartbeat(), or the option "heartbeat" of FanoutModule.forRoot()',
  pingTimeout:
    'it belongs to Socket.IO; use @Heartbeat(), or the option "heartbeat" of FanoutModule.forRoot()',
  ...Object.fromEntries(
    [
      'adapter',
      'addTrailingSlash',
      'allowEIO3',
      'allowRequest',
      'allowUpgrades',
      'cleanupEmptyChildNamespaces',
      'connectTimeout',
      'connectionStateRecovery',
      'cookie',
      'destroyUpgrade',
      'destroyUpgradeTimeout',
      'httpCompression',
      'initialPacket',
      'parser',
      'serveClient',
      'transports',
      'upgradeTimeout',
      'wsEngine',
    ].map(name => [name, OF_SOCKET_IO]),
  ),
};

const NO_PORT =
  'app.listen() decides it for the HTTP server of the application; give the gateway a port of its own, or remove the option';

/** Checked options and their author. `verifyClient` is separate, because every `verifyClient` is asked. */
export interface OptionLayer {
  /** Name of the gateway or adapter, for errors. */
  readonly by: string;
  readonly ofPath: Given;
  readonly ofPort: Given;
  readonly verifyClients: readonly VerifyClient[];
}

/** The combined options of one path. */
export interface PathOptions {
  readonly verifyClients: readonly VerifyClient[];
  /** Options for the `ws` server of the path. */
  readonly ws: Given;
}

/** The combined options of one port. */
export interface PortOptions {
  readonly host?: string;
  readonly backlog?: number;
}

/**
 * The options of a gateway. A class inherits the options of its base classes and can replace them. The lowest limit counts,
 * and each `verifyClient` is asked.
 * @throws FanoutError FANOUT_GATEWAY_PORT, FANOUT_GATEWAY_OPTION, FANOUT_NAMESPACE, FANOUT_OPTION, FANOUT_OPTION_UNKNOWN
 */
export function gatewayOptions(metatype: Function): OptionLayer {
  const by = `@WebSocketGateway of ${metatype.name}`;
  const port: unknown = Reflect.getMetadata(PORT_METADATA, metatype) ?? 0;
  assertPort(port, metatype.name);
  let values: Given = {};
  const verifyClients: VerifyClient[] = [];
  for (const { given, author } of levelsOf(metatype)) {
    // The decorator treats a first argument that is not a whole number as the options, and ignores the second argument.
    if (!isObject(given)) throw new FanoutError('FANOUT_GATEWAY_PORT', author, shown(given));
    const checked = checkedOptions(`@WebSocketGateway of ${author}`, given as Given);
    if (checked.verifyClient !== undefined) verifyClients.unshift(checked.verifyClient as VerifyClient);
    // Classes come before their base classes, so an option that is already set wins.
    values = combined(values, checked, (_, own) => own);
  }
  return layer(by, values, [...new Set(verifyClients)]);
}

/**
 * The options that an adapter of the application has changed on the way from Nest to `create()`.
 * @param asked the options that Nest gave the adapter
 * @param given the options that the adapter gave to `create()`
 */
export function adapterOptions(adapter: string, asked: Given, given: Given): OptionLayer {
  const changed = Object.fromEntries(Object.entries(given).filter(([name, value]) => asked[name] !== value));
  const by = `create() of ${adapter}`;
  const checked = checkedOptions(by, changed);
  const verify = checked.verifyClient as VerifyClient | undefined;
  return layer(by, checked, verify === undefined ? [] : [verify]);
}

/** The options of a gateway, without options that an adapter has replaced. */
export function withoutReplaced(own: OptionLayer, adapter: OptionLayer, asked: Given): OptionLayer {
  const replaced = adapter.verifyClients.length > 0 ? asked.verifyClient : undefined;
  const others = ([name]: [string, unknown]): boolean =>
    !(name in adapter.ofPath) && !(name in adapter.ofPort);
  return {
    ...own,
    ofPath: Object.fromEntries(Object.entries(own.ofPath).filter(others)),
    ofPort: Object.fromEntries(Object.entries(own.ofPort).filter(others)),
    verifyClients: own.verifyClients.filter(each => each !== replaced),
  };
}

/** The options of a path. @throws FanoutError FANOUT_GATEWAY_CONFLICT */
export function pathOptions(place: string, layers: readonly OptionLayer[]): PathOptions {
  return {
    verifyClients: [...new Set(layers.flatMap(({ verifyClients }) => verifyClients))],
    ws: merged(place, layers, ({ ofPath }) => ofPath),
  };
}

/**
 * The options of a port.
 * @param port 0 for the application's HTTP server, which takes no such options
 * @throws FanoutError FANOUT_GATEWAY_CONFLICT, FANOUT_GATEWAY_OPTION
 */
export function portOptions(port: number, layers: readonly OptionLayer[]): PortOptions {
  for (const { by, ofPort } of port === 0 ? layers : [])
    for (const name of Object.keys(ofPort)) throw new FanoutError('FANOUT_GATEWAY_OPTION', name, by, NO_PORT);
  return merged(`port ${port}`, layers, ({ ofPort }) => ofPort);
}

function merged(place: string, layers: readonly OptionLayer[], of: (layer: OptionLayer) => Given): Given {
  const author = new Map<string, string>();
  let result: Given = {};
  for (const each of layers) {
    result = combined(result, of(each), (name, a, b) => {
      if (isDeepStrictEqual(a, b)) return a;
      throw new FanoutError(
        'FANOUT_GATEWAY_CONFLICT',
        author.get(name),
        each.by,
        place,
        name,
        shown(a),
        shown(b),
      );
    });
    for (const name of Object.keys(of(each))) if (!author.has(name)) author.set(name, each.by);
  }
  return result;
}

/**
 * Merges two sets of options. Of two limits the lower counts; `decide` chooses between two values of any other option.
 */
function combined(a: Given, b: Given, decide: (name: string, a: unknown, b: unknown) => unknown): Given {
  const result: Record<string, unknown> = { ...a };
  for (const [name, value] of Object.entries(b)) {
    if (!(name in result)) result[name] = value;
    else if (LIMITS.has(name)) result[name] = Math.min(result[name] as number, value as number);
    else result[name] = decide(name, result[name], value);
  }
  return result;
}

/** Options of `@WebSocketGateway()` on a class and on its base classes, the class itself first. */
function levelsOf(metatype: Function): { readonly given: unknown; readonly author: string }[] {
  const levels: { given: unknown; author: string }[] = [];
  let level: unknown = metatype;
  for (; typeof level === 'function' && level !== Function.prototype; level = Object.getPrototypeOf(level)) {
    if (Reflect.hasOwnMetadata(GATEWAY_OPTIONS, level))
      levels.push({ given: Reflect.getOwnMetadata(GATEWAY_OPTIONS, level), author: level.name });
  }
  return levels;
}

/** Checks the options, and returns a copy without undefined options. */
function checkedOptions(author: string, given: Given): Given {
  const defined = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  for (const name of Object.keys(defined))
    if (Object.hasOwn(REFUSED, name))
      throw new FanoutError('FANOUT_GATEWAY_OPTION', name, author, REFUSED[name]);
  assertKnown(`${author}.`, defined, KNOWN);
  if (defined.namespace) throw new FanoutError('FANOUT_NAMESPACE', shown(defined.namespace));
  for (const [name, { must, holds }] of Object.entries<Rule>({ ...OF_PATH, ...OF_PORT }))
    if (name in defined && !holds(defined[name])) throw badOption(`${author}.${name}`, must, defined[name]);
  return defined;
}

function layer(by: string, values: Given, verifyClients: readonly VerifyClient[]): OptionLayer {
  const only = (rules: object): Given =>
    Object.fromEntries(Object.entries(values).filter(([name]) => name in rules && name !== 'verifyClient'));
  return { by, ofPath: only(OF_PATH), ofPort: only(OF_PORT), verifyClients };
}

function assertPort(port: unknown, gateway: string): asserts port is number {
  if (!Number.isInteger(port) || (port as number) < 0 || (port as number) > 65_535)
    throw new FanoutError('FANOUT_GATEWAY_PORT', gateway, shown(port));
}

function limit(unit: string): Rule {
  return {
    must: `an integer from 1 to ${HIGHEST} (${unit})`,
    holds: value => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= HIGHEST,
    default: undefined,
  };
}

function func(): Rule {
  return { must: 'a function', holds: value => typeof value === 'function', default: undefined };
}

function bool(): Rule {
  return { must: 'a boolean', holds: value => typeof value === 'boolean', default: undefined };
}

function either(rule: Rule, holds: (value: unknown) => boolean): Rule {
  return { ...rule, holds: value => rule.holds(value) || holds(value) };
}
