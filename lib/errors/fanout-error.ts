import { format, inspect } from 'node:util';

/**
 * Every error this library throws, by code. Codes are append-only: never renamed, never reused.
 * `docs/errors.md` explains each, and a test holds the two together.
 */
export const FANOUT_ERRORS = {
  FANOUT_OPTION: 'Option "%s" must be %s; got %s.',
  FANOUT_OPTION_UNKNOWN: 'Option "%s" does not exist; the options here are %s.',
  FANOUT_ADAPTER:
    'The WebSocket adapter of the application is %s, so the gateways are out of reach of FanoutModule: ' +
    'remove useWebSocketAdapter() (forRoot installs FanoutAdapter by itself), or extend FanoutAdapter.',
  FANOUT_MODULE_TWICE:
    'FanoutModule.forRoot() was imported twice: import it once, in the root module; it is global.',
  FANOUT_NAMESPACE:
    'Gateway option namespace (%s) belongs to Socket.IO: over plain WebSockets give the gateway a path instead.',
  FANOUT_PORT:
    'Port %s of gateway path "%s" cannot be listened on: %s. Free the port or give the gateway another one.',
  FANOUT_PATH:
    'A gateway path must be segments joined by slashes, each either literal or ":name" with a name used once; got %s.',
  FANOUT_PATH_AMBIGUOUS:
    'Gateway paths "%s" and "%s" match the same requests: give both the same path, or change one of them.',
  FANOUT_HANDSHAKE_GUARD:
    '@UseHandshakeGuards() on %s must be given guards, classes or objects with canActivate(), on a class with @WebSocketGateway(): %s.',
  FANOUT_TOPIC_NAME:
    'A topic name must be segments of the characters A-Z a-z 0-9 _ ~ @ - joined by dots, at most 255 bytes; got %s.',
  FANOUT_TOPIC_PATTERN:
    'A topic pattern must be segments joined by dots, each either a literal of A-Z a-z 0-9 _ ~ @ - or ":name" with a ' +
    'name used once; got %s.',
  FANOUT_TOPIC_AMBIGUOUS:
    'Topic patterns "%s" (%s) and "%s" (%s) on path "%s" match the same topics: change one of them or remove it.',
  FANOUT_TOPIC_CONFLICT:
    'Topic patterns "%s" (%s) and "%s" (%s) match the same topics, but their options "%s" differ: a topic is the same on ' +
    'every path, so give both the same.',
  FANOUT_TOPIC_HOST:
    '@Topic("%s") on %s has no effect: the class is no gateway. Decorate it with @WebSocketGateway() or move the method.',
  FANOUT_TOPIC_UNRESOLVED:
    '@Publish("%s") on %s cannot fill ":%s": neither the result nor the arguments have it. Return it, or pass a function.',
  FANOUT_EVENT_DUPLICATE:
    'Event "%s" on path "%s" is handled by both %s and %s: a message has one handler, so rename or remove one.',
  FANOUT_HEARTBEAT_CONFLICT:
    'Gateways %s and %s share path "%s" but their @Heartbeat() policies differ: a connection has one heartbeat, so give both the same.',
  FANOUT_PAYLOAD: 'The payload for topic "%s" cannot be sent as JSON: %s.',
  FANOUT_PAYLOAD_SIZE:
    'A published payload must have at most %s bytes of JSON; got %s bytes for topic "%s". ' +
    'Publish it in parts, or raise limits.publication.',
  FANOUT_CONFLATION_KEY:
    'The function of option "conflate" must give a string or a number for each payload; for topic "%s" it did not: %s.',
  FANOUT_PUBLISH_OPTION: 'Option "%s" of a publication must be %s; got %s.',
  FANOUT_EVENT:
    'An event sent to a connection must have a name that is a non-empty string and data that is JSON: %s.',
  FANOUT_CLOSE:
    'A close code must be 1000 to 1003, 1007 to 1014 or 3000 to 4999 and its reason a string of at most 123 bytes; got %s.',
  FANOUT_PROTECTION:
    '%s cannot be served, because its %s would not be asked: %s. Provide the gateway by its class in the providers of ' +
    'its module, and give @Use…() decorators classes that Nest can build, or objects.',
  FANOUT_ROUTE_REPLACED:
    '%s has @Topic("%s") on a function that another decorator or a wrapper has replaced, so guards on the first function ' +
    'would be lost. Write @Topic() and the guards above that decorator, or let it copy the metadata of the function.',
  FANOUT_TOPIC_METHOD:
    '@Topic("%s") must be on a method of a class, named by a string; got %s. Move the code into such a method.',
  FANOUT_GATEWAY_PROVIDER:
    'Gateway %s is provided as "%s" by a factory or a value, so Nest does not serve it and its guards would not be asked. ' +
    'Provide it by its class: providers: [%s].',
  FANOUT_COPIES:
    '%s has decorators of another copy of nestjs-fanout, which this copy would not obey. This copy is in %s, the other ' +
    'one in %s. Install the package once.',
  FANOUT_BINDERS:
    '%s overrides %s(), which FanoutModule never calls: it binds gateways by itself. Remove the override, or use a ' +
    'different WebSocket adapter without FanoutModule.',
  FANOUT_CANARY:
    'This version of Nest does not ask the %s of a test method that FanoutModule calls at start, so gateways would be ' +
    'served without protection. Use a supported version of Nest, or report this.',
  FANOUT_NEST:
    'This version of Nest lacks %s. Without that part %s, so the application does not start. Use a supported version of ' +
    'Nest, or report this.',
  FANOUT_SUBSCRIPTION_STATE:
    'A subscription to topic "%s" must not go from state "%s" to state "%s". This is a fault of nestjs-fanout: report it, ' +
    'with the stack trace.',
  FANOUT_TARGET: 'A target must be { connection: id } or { user: id }; got %s.',
  FANOUT_GATEWAY_OPTION: 'Option "%s" of %s cannot be used: %s.',
  FANOUT_GATEWAY_PORT: 'The port of @WebSocketGateway() on %s must be an integer from 0 to 65535; got %s.',
  FANOUT_GATEWAY_CONFLICT:
    '%s and %s share %s but their options "%s" differ (%s and %s): give both the same, or remove one.',
  FANOUT_ADAPTER_CREATE:
    'create() of %s must return what super.create() returned, and make no endpoint beside it, because protection is ' +
    'bound to that: %s.',
  FANOUT_TOPIC_VALUE:
    'topicName("%s") needs text that is not empty, a finite number or a bigint for ":%s"; got %s.',
  FANOUT_PUBLISH_HOST:
    '@Publish(%s) on %s cannot publish: Nest did not make the instance, so it has no Broadcaster. List the class in providers, ' +
    'and in tests get the instance from Test.createTestingModule().',
  FANOUT_SNAPSHOT: 'The snapshot of topic "%s" cannot be sent as JSON: %s.',
  FANOUT_REPLY: 'The reply to event "%s" cannot be sent as JSON: %s.',
  FANOUT_PRESENCE_INFO: 'The info of a member of topic "%s" cannot be sent as JSON: %s.',
  FANOUT_DECORATOR: '%s on %s has no effect: %s.',
  FANOUT_EVENT_NAME:
    '@SubscribeMessage(%s) on %s can never be called: the "event" of a message is text. Give the decorator that text.',
  FANOUT_FOR_ROOT:
    'FanoutModule was imported without forRoot(), or the factory of forRootAsync() gave no options: write ' +
    'FanoutModule.forRoot() in the imports of the root module, once; it is global, so other modules need not import it.',
  FANOUT_NOT_IMPORTED:
    'Gateway %s has @UseHandshakeGuards(), but no FanoutModule serves it, so its guards would not be asked: add ' +
    'FanoutModule.forRoot() to the imports of the root module.',
  FANOUT_HTTP2:
    'The HTTP server speaks HTTP/2 only, so no upgrade can reach the gateways on %s: create it with allowHTTP1: true, or ' +
    'give the gateway a port of its own.',
  FANOUT_CLASS_REPLACED:
    'Gateway %s has methods of the class %s without its decorators, so guards, topics and parameters would be lost. A class ' +
    'decorator must return the class itself or a class that extends it, and a base class must be named with extends.',
} as const;

/** A code of {@link FanoutError}; `docs/errors.md` has cause and remedy of each. */
export type FanoutErrorCode = keyof typeof FANOUT_ERRORS;

/**
 * The only kind of error this library throws at its caller. Match on `code`, not on `instanceof` or the
 * message: two copies of a package break the first, and wording may change.
 */
export class FanoutError extends Error {
  /** Stable identifier of what went wrong. */
  readonly code: FanoutErrorCode;

  constructor(code: FanoutErrorCode, ...details: unknown[]) {
    super(format(FANOUT_ERRORS[code], ...details));
    this.name = 'FanoutError';
    this.code = code;
  }
}

/** Formats a refused value for an error: short, on one line, and never a whole payload. */
export function shown(value: unknown): string {
  const text = inspect(value, { depth: 1, breakLength: Infinity, maxArrayLength: 5, maxStringLength: 80 });
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}
