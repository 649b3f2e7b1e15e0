import { describe, expect, it } from 'vitest';
import { Core, type Peer } from '../../support/unit/core.js';

function join(core: Core, protocol: string, ...names: string[]): Peer {
  const peer = core.connect(protocol);
  for (const name of names) peer.connection.subscribe(name);
  return peer;
}

/** Publications that a connection got, as `topic:offset data`. */
const got = ({ socket }: Peer): string[] =>
  socket.frames
    .flat()
    .filter(({ topic }) => topic !== undefined)
    .map(({ topic, offset, data }) => `${topic}:${offset} ${data}`);

describe('the order of publications', () => {
  it('is that of the calls of publish within a topic, whoever publishes, and the same for everybody', () => {
    const core = new Core();
    const peers = [join(core, '', 'a'), join(core, 'fanout.v1.json', 'a'), join(core, '', 'b', 'a')];
    const publisher = (name: string) => (n: number) => core.broadcaster.publish('a', `${name}${n}`);
    const [one, other] = [publisher('one'), publisher('other')];
    one(1);
    other(1);
    other(2);
    one(2);
    core.clock.turn();
    other(3);
    core.clock.settle();
    for (const peer of peers)
      expect(got(peer)).toEqual(['a:1 one1', 'a:2 other1', 'a:3 other2', 'a:4 one2', 'a:5 other3']);
  });

  it('is kept within each topic of a turn, and not between topics', () => {
    const core = new Core();
    const peer = join(core, '', 'a', 'b');
    for (const [name, data] of [
      ['a', 'first'],
      ['b', 'second'],
      ['a', 'third'],
    ] as const)
      core.broadcaster.publish(name, data);
    core.clock.settle();
    expect(got(peer)).toEqual(['a:1 first', 'a:2 third', 'b:1 second']);
  });
});
