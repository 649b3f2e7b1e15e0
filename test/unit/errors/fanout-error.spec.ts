import { describe, expect, it } from 'vitest';
import { FANOUT_ERRORS, FanoutError, type FanoutErrorCode, shown } from '../../../lib/errors/fanout-error.js';

/** Each error as its thrower words it: the sentence a user reads is pinned, not only its template. */
const SENTENCES: Record<FanoutErrorCode, [details: unknown[], sentence: string]> = {
  FANOUT_OPTION: [
    ['limits.payload', 'an integer of at least 1 (bytes)', shown('big')],
    `Option "limits.payload" must be an integer of at least 1 (bytes); got 'big'.`,
  ],
  FANOUT_OPTION_UNKNOWN: [
    ['limits.paylod', 'connections, payload'],
    'Option "limits.paylod" does not exist; the options here are connections, payload.',
  ],
  FANOUT_ADAPTER: [
    ['WsAdapter'],
    'The WebSocket adapter of the application is WsAdapter, so the gateways are out of reach of FanoutModule: ' +
      'remove useWebSocketAdapter() (forRoot installs FanoutAdapter by itself), or extend FanoutAdapter.',
  ],
  FANOUT_MODULE_TWICE: [
    [],
    'FanoutModule.forRoot() was imported twice: import it once, in the root module; it is global.',
  ],
  FANOUT_NAMESPACE: [
    ["'/chat'"],
    "Gateway option namespace ('/chat') belongs to Socket.IO: over plain WebSockets give the gateway a path instead.",
  ],
  FANOUT_PORT: [
    [8080, '/market', 'listen EADDRINUSE'],
    'Port 8080 of gateway path "/market" cannot be listened on: listen EADDRINUSE. Free the port or give the gateway another one.',
  ],
  FANOUT_PATH: [
    [shown('/rooms/:room/:room')],
    `A gateway path must be segments joined by slashes, each either literal or ":name" with a name used once; got '/rooms/:room/:room'.`,
  ],
  FANOUT_PATH_AMBIGUOUS: [
    ['/rooms/:room', '/rooms/:id'],
    'Gateway paths "/rooms/:room" and "/rooms/:id" match the same requests: give both the same path, or change one of them.',
  ],
  FANOUT_HANDSHAKE_GUARD: [
    ['MarketGateway', 'got undefined'],
    '@UseHandshakeGuards() on MarketGateway must be given guards, classes or objects with canActivate(), on a class with ' +
      '@WebSocketGateway(): got undefined.',
  ],
  FANOUT_TOPIC_NAME: [
    [shown('a b')],
    "A topic name must be segments of the characters A-Z a-z 0-9 _ ~ @ - joined by dots, at most 255 bytes; got 'a b'.",
  ],
  FANOUT_TOPIC_PATTERN: [
    [shown('a.:')],
    'A topic pattern must be segments joined by dots, each either a literal of A-Z a-z 0-9 _ ~ @ - or ":name" with a ' +
      "name used once; got 'a.:'.",
  ],
  FANOUT_DECORATOR: [
    ["@TopicParam('symbl')", 'MarketGateway.join', 'of a reason'],
    "@TopicParam('symbl') on MarketGateway.join has no effect: of a reason.",
  ],
  FANOUT_EVENT_NAME: [
    [shown(1), 'MarketGateway.push'],
    '@SubscribeMessage(1) on MarketGateway.push can never be called: the "event" of a message is text. Give the decorator that text.',
  ],
  FANOUT_FOR_ROOT: [
    [],
    'FanoutModule was imported without forRoot(), or the factory of forRootAsync() gave no options: write ' +
      'FanoutModule.forRoot() in the imports of the root module, once; it is global, so other modules need not import it.',
  ],
  FANOUT_NOT_IMPORTED: [
    ['MarketGateway'],
    'Gateway MarketGateway has @UseHandshakeGuards(), but no FanoutModule serves it, so its guards would not be asked: add ' +
      'FanoutModule.forRoot() to the imports of the root module.',
  ],
  FANOUT_HTTP2: [
    ['{/market}'],
    'The HTTP server speaks HTTP/2 only, so no upgrade can reach the gateways on {/market}: create it with allowHTTP1: ' +
      'true, or give the gateway a port of its own.',
  ],
  FANOUT_TOPIC_VALUE: [
    ['prices.:symbol', 'symbol', shown('')],
    `topicName("prices.:symbol") needs text that is not empty, a finite number or a bigint for ":symbol"; got ''.`,
  ],
  FANOUT_PUBLISH_HOST: [
    ['"orders.:id"', 'OrderService.settle'],
    '@Publish("orders.:id") on OrderService.settle cannot publish: Nest did not make the instance, so it has no Broadcaster. ' +
      'List the class in providers, and in tests get the instance from Test.createTestingModule().',
  ],
  FANOUT_TOPIC_AMBIGUOUS: [
    ['a.:b', 'A.b', 'a.:c', 'C.d', '/x'],
    'Topic patterns "a.:b" (A.b) and "a.:c" (C.d) on path "/x" match the same topics: change one of them or remove it.',
  ],
  FANOUT_TOPIC_CONFLICT: [
    ['a.:b', 'A.b', 'a.:c', 'C.d', 'every'],
    'Topic patterns "a.:b" (A.b) and "a.:c" (C.d) match the same topics, but their options "every" differ: a topic is ' +
      'the same on every path, so give both the same.',
  ],
  FANOUT_TOPIC_HOST: [
    ['clock', 'Feed.clock'],
    '@Topic("clock") on Feed.clock has no effect: the class is no gateway. Decorate it with @WebSocketGateway() or move the method.',
  ],
  FANOUT_TOPIC_UNRESOLVED: [
    ['orders.:id', 'Feed.settle', 'id'],
    '@Publish("orders.:id") on Feed.settle cannot fill ":id": neither the result nor the arguments have it. Return it, or pass a function.',
  ],
  FANOUT_EVENT_DUPLICATE: [
    ['order', '/market', 'A.order', 'B.order'],
    'Event "order" on path "/market" is handled by both A.order and B.order: a message has one handler, so rename or remove one.',
  ],
  FANOUT_HEARTBEAT_CONFLICT: [
    ['A', 'B', '/market'],
    'Gateways A and B share path "/market" but their @Heartbeat() policies differ: a connection has one heartbeat, so give both the same.',
  ],
  FANOUT_PAYLOAD: [
    ['clock', 'undefined has no JSON form'],
    'The payload for topic "clock" cannot be sent as JSON: undefined has no JSON form.',
  ],
  FANOUT_PAYLOAD_SIZE: [
    [1024, 2048, 'clock'],
    'A published payload must have at most 1024 bytes of JSON; got 2048 bytes for topic "clock". ' +
      'Publish it in parts, or raise limits.publication.',
  ],
  FANOUT_PUBLISH_OPTION: [
    ['ttl', 'a number of milliseconds above 0 and up to 2147483647', shown(-1)],
    'Option "ttl" of a publication must be a number of milliseconds above 0 and up to 2147483647; got -1.',
  ],
  FANOUT_CONFLATION_KEY: [
    ['prices', `it is ${shown(undefined)}`],
    'The function of option "conflate" must give a string or a number for each payload; for topic "prices" it did not: ' +
      'it is undefined.',
  ],
  FANOUT_EVENT: [
    ["event is ''"],
    "An event sent to a connection must have a name that is a non-empty string and data that is JSON: event is ''.",
  ],
  FANOUT_CLOSE: [
    [shown({ code: 1 })],
    'A close code must be 1000 to 1003, 1007 to 1014 or 3000 to 4999 and its reason a string of at most 123 bytes; got { code: 1 }.',
  ],
  FANOUT_PROTECTION: [
    ['Shop.buy', 'guard', 'Nest has not built Deny'],
    `Shop.buy cannot be served, because its guard would not be asked: Nest has not built Deny. Provide the gateway by its class in the providers of its module, and give @Use…() decorators classes that Nest can build, or objects.`,
  ],
  FANOUT_ROUTE_REPLACED: [
    ['Market.join', 'prices.:symbol'],
    `Market.join has @Topic("prices.:symbol") on a function that another decorator or a wrapper has replaced, so guards on the first function would be lost. Write @Topic() and the guards above that decorator, or let it copy the metadata of the function.`,
  ],
  FANOUT_CLASS_REPLACED: [
    ['Market', 'Original'],
    `Gateway Market has methods of the class Original without its decorators, so guards, topics and parameters would be lost. A class decorator must return the class itself or a class that extends it, and a base class must be named with extends.`,
  ],
  FANOUT_TOPIC_METHOD: [
    ['clock', 'the static Market.join'],
    `@Topic("clock") must be on a method of a class, named by a string; got the static Market.join. Move the code into such a method.`,
  ],
  FANOUT_GATEWAY_PROVIDER: [
    ['Market', 'market', 'Market'],
    `Gateway Market is provided as "market" by a factory or a value, so Nest does not serve it and its guards would not be asked. Provide it by its class: providers: [Market].`,
  ],
  FANOUT_COPIES: [
    ['Market', '/app/node_modules/nestjs-fanout/dist', '/app/lib/node_modules/nestjs-fanout/dist'],
    `Market has decorators of another copy of nestjs-fanout, which this copy would not obey. This copy is in /app/node_modules/nestjs-fanout/dist, the other one in /app/lib/node_modules/nestjs-fanout/dist. Install the package once.`,
  ],
  FANOUT_BINDERS: [
    ['MyAdapter', 'bindMessageHandlers'],
    `MyAdapter overrides bindMessageHandlers(), which FanoutModule never calls: it binds gateways by itself. Remove the override, or use a different WebSocket adapter without FanoutModule.`,
  ],
  FANOUT_CANARY: [
    ['guard'],
    `This version of Nest does not ask the guard of a test method that FanoutModule calls at start, so gateways would be served without protection. Use a supported version of Nest, or report this.`,
  ],
  FANOUT_NEST: [
    ['the injector (loadPerContext)', 'request-scoped and transient enhancers could not be built'],
    'This version of Nest lacks the injector (loadPerContext). Without that part request-scoped and transient enhancers could not be built, so the application does not start. Use a supported version of Nest, or report this.',
  ],
  FANOUT_SUBSCRIPTION_STATE: [
    ['prices.AAPL', 'ended', 'live'],
    `A subscription to topic "prices.AAPL" must not go from state "ended" to state "live". This is a fault of nestjs-fanout: report it, with the stack trace.`,
  ],
  FANOUT_GATEWAY_OPTION: [
    ['port', '@WebSocketGateway of Chat', 'give the port as the first argument'],
    'Option "port" of @WebSocketGateway of Chat cannot be used: give the port as the first argument.',
  ],
  FANOUT_GATEWAY_PORT: [
    ['Chat', shown('4100')],
    "The port of @WebSocketGateway() on Chat must be an integer from 0 to 65535; got '4100'.",
  ],
  FANOUT_GATEWAY_CONFLICT: [
    ['Chat', 'Talk', 'port 4100', 'host', shown('::1'), shown('127.0.0.1')],
    `Chat and Talk share port 4100 but their options "host" differ ('::1' and '127.0.0.1'): give both the same, or remove one.`,
  ],
  FANOUT_ADAPTER_CREATE: [
    ['Moved', 'it returned null'],
    'create() of Moved must return what super.create() returned, and make no endpoint beside it, because protection is ' +
      'bound to that: it returned null.',
  ],
  FANOUT_TARGET: [[shown(null)], 'A target must be { connection: id } or { user: id }; got null.'],
  FANOUT_SNAPSHOT: [
    ['prices.AAPL', 'at rows[0], a Map becomes {}'],
    'The snapshot of topic "prices.AAPL" cannot be sent as JSON: at rows[0], a Map becomes {}.',
  ],
  FANOUT_REPLY: [
    ['order', 'at data.total, NaN becomes null'],
    'The reply to event "order" cannot be sent as JSON: at data.total, NaN becomes null.',
  ],
  FANOUT_PRESENCE_INFO: [
    ['room.1', 'a Set becomes {}'],
    'The info of a member of topic "room.1" cannot be sent as JSON: a Set becomes {}.',
  ],
};

describe('FanoutError', () => {
  it.each(Object.entries(SENTENCES))('words %s', (code, [details, sentence]) => {
    const error = new FanoutError(code as FanoutErrorCode, ...details);
    expect(error.message).toBe(sentence);
    expect(error.code).toBe(code);
    expect(error.name).toBe('FanoutError');
    expect(error).toBeInstanceOf(Error);
  });

  it('has a sentence pinned here for every code', () => {
    expect(Object.keys(SENTENCES).sort()).toEqual(Object.keys(FANOUT_ERRORS).sort());
  });

  it.each(Object.entries(FANOUT_ERRORS))(
    'has as many blanks in %s as details are given',
    (code, template) => {
      const blanks = template.match(/%s/g)?.length ?? 0;
      expect(SENTENCES[code as FanoutErrorCode][0]).toHaveLength(blanks);
    },
  );
});

describe('shown', () => {
  it('shows a value as source text', () => {
    expect(shown('a')).toBe("'a'");
    expect(shown(Number.NaN)).toBe('NaN');
    expect(shown({ a: { b: { c: 1 } } })).toBe('{ a: { b: [Object] } }');
  });

  it('never shows a whole payload, and stays on one line', () => {
    const rows = Array.from({ length: 4 }, (_, i) => [`row${i}`, 'x\n'.repeat(500)]);
    const text = shown(Object.fromEntries(rows));
    expect(text).toHaveLength(120);
    expect(text.endsWith('...')).toBe(true);
    expect(shown('x'.repeat(10_000)).length).toBeLessThanOrEqual(120);
    expect(text).not.toContain('\n');
  });
});
