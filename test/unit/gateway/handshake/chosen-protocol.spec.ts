import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { chosenProtocol, Negotiation } from '../../../../lib/gateway/handshake/chosen-protocol.js';
import { Protocols } from '../../../../lib/protocol/protocols.js';

const PROTOCOLS = new Protocols();
const AGREED = 'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover';

describe('chosenProtocol', () => {
  it.each([
    [['chat', 'fanout.v1.json'], 'fanout.v1.json'],
    [['chat', 'news'], 'chat'],
    [['bearer.abc', 'chat'], 'chat'],
    [['bearer.abc', 'fanout.v1.json'], 'fanout.v1.json'],
    [['bearer.abc'], 'bearer.abc'],
  ])('chooses among %j', (offered, expected) => {
    expect(chosenProtocol(PROTOCOLS, new Set(offered))).toBe(expected);
  });
});

describe('Negotiation', () => {
  const request = (url?: string): IncomingMessage => ({ url }) as IncomingMessage;
  const client = (protocol: string): never => ({ protocol }) as never;

  it('gives a client the protocol of its subprotocol', () => {
    const negotiation = new Negotiation(PROTOCOLS);
    expect(negotiation.protocolOf(client('fanout.v1.json'), request())).toBe(
      PROTOCOLS.of('fanout.v1.json', '/'),
    );
    expect(negotiation.choose(new Set(['chat']))).toBe('chat');
  });

  it('gives the compressed twin only to the request whose answer has agreed to it', () => {
    const negotiation = new Negotiation(PROTOCOLS);
    const [one, other] = [request('/a'), request('/a')];
    negotiation.note(['HTTP/1.1 101 Switching Protocols', AGREED], one);
    negotiation.note(['HTTP/1.1 101 Switching Protocols'], other);
    const plain = PROTOCOLS.of('', '/');
    expect(negotiation.protocolOf(client(''), one)).toBe(PROTOCOLS.deflated(plain));
    expect(negotiation.protocolOf(client(''), other)).toBe(plain);
  });
});
