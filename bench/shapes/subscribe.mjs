import { saturate, saturatedColumns, saturatedFigure, startSaturated } from '../measure/saturated.mjs';

/** Topics in one message. */
const CASES = { 'one at a time': { topics: 1 }, '100 in a message': { topics: 100 } };

export const shape = {
  name: 'subscribe',
  title: 'subscribe storms: every connection goes from topic to topic, the server saturated',
  peers: ['fanout', 'nest', 'socket.io'],
  sizes: {
    full: { connections: 300, warmMs: 1500, forMs: 3000 },
  },
  figure: saturatedFigure('subscribes'),
  columns: [
    ...saturatedColumns('subscribes'),
    ['left', row => String(row.left)],
    ['heap kept', row => `${(row.heapKept / 1000).toFixed(0)} kB`],
  ],
  async run(peer, { connections, warmMs, forMs }, { pinned, options, repeat }) {
    const scripts = { server: `storm-${peer}`, client: 'storm-client' };
    const pair = await startSaturated(scripts, { count: connections, dialect: peer }, { pinned });
    try {
      const rows = [];
      for (const [name, load] of Object.entries(CASES)) {
        const profiled = options.profile && peer === 'fanout' && repeat === 0;
        const profile = profiled ? `subscribe-${name.replaceAll(/\W+/g, '-')}` : undefined;
        const measured = await saturate(pair, { load, warmMs, forMs, profile, counted: repeat === 0 });
        // What the first storm leaves is compiled code and the like; only what grows from one to the next is kept.
        const before = await pair.server.call('heap');
        await saturate(pair, { load, warmMs, forMs: 0, counted: false });
        const { topics, subscriptions } = await pair.server.call('leftBehind');
        rows.push({
          case: name,
          ...measured,
          left: topics + subscriptions,
          heapKept: (await pair.server.call('heap')) - before,
        });
      }
      return rows;
    } finally {
      await pair.stop();
    }
  },
  targets: [
    // With 100 in a message ours answers 100 times and the peers once: that ratio is shown, but no promise.
    { case: 'one at a time', against: 'nest', ratio: 1.2, gate: 1 },
    { case: 'one at a time', against: 'socket.io', ratio: 1.2, gate: 0.9 },
    { case: /./, name: 'topics and subscriptions left behind', value: row => row.left, exactly: 0, gate: 0 },
  ],
};
