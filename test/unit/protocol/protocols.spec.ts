import { describe, expect, it } from 'vitest';
import { Protocols } from '../../../lib/protocol/protocols.js';
import { CsvProtocol } from '../../support/csv-protocol.js';

const csv = new CsvProtocol({ subprotocol: 'csv', gaps: true, binary: false });

describe('Protocols', () => {
  it('chooses the subprotocol of the first protocol that has one, not the first that the client offers', () => {
    const protocols = new Protocols([csv]);
    expect(protocols.choice(['fanout.v1.json', ...csv.subprotocols])).toBe(csv.subprotocols[0]);
    expect(protocols.choice(['other', 'fanout.v1.json'])).toBe('fanout.v1.json');
    expect(protocols.choice(['other'])).toBeUndefined();
  });

  it('goes by the subprotocol before the URL, and serves all others with our own protocol', () => {
    const protocols = new Protocols([csv]);
    expect(protocols.of('csv', '/')).toBe(csv);
    expect(protocols.of('', '/x?protocol=csv')).toBe(csv);
    expect(protocols.of('fanout.v1.json', '/x?protocol=csv').name).toBe('json');
    expect(protocols.of('', '/other').name).toBe('json');
    expect(protocols.of('other', '/other').name).toBe('json');
  });

  it('has one twin of each protocol for compressed frames', () => {
    const protocols = new Protocols();
    const plain = protocols.of('', '/');
    const twin = protocols.deflated(plain);
    expect(twin).toBe(protocols.deflated(plain));
    expect(twin.format.deflates).toBe(plain.format);
    expect(twin.subprotocols).toEqual(plain.subprotocols);
  });
});
