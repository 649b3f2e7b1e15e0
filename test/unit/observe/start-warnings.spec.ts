import { describe, expect, it } from 'vitest';
import { collectFacts, openFilesIn, severalBy } from '../../../lib/observe/process-facts.js';
import { deflateWarning, startWarnings } from '../../../lib/observe/start-warnings.js';

const CAPACITY = { connections: 50_000, backlog: 511 };
const ENOUGH = { openFiles: 1_048_576, somaxconn: 4096, ws: '8.23.0', several: undefined };

describe('startWarnings', () => {
  it('has nothing to say where everything is enough', () => {
    expect(startWarnings(ENOUGH, CAPACITY)).toEqual([]);
    expect(startWarnings({ ...ENOUGH, openFiles: 50_256, somaxconn: 511 }, CAPACITY)).toEqual([]);
  });

  it('has nothing to say of what is not known', () => {
    const nothing = { openFiles: undefined, somaxconn: undefined, ws: undefined, several: undefined };
    expect(startWarnings(nothing, CAPACITY)).toEqual([]);
  });

  it('warns of fewer open files than connections, and some more', () => {
    const [line, ...others] = startWarnings({ ...ENOUGH, openFiles: 50_255 }, CAPACITY);
    expect(line).toBe(
      'This process may open 50255 files, too few for limits.connections (50000) and 256 others: ' +
        'raise the limit (ulimit -n 50256, or LimitNOFILE= of systemd), or lower limits.connections.',
    );
    expect(others).toEqual([]);
  });

  it('warns of a backlog that the system cuts', () => {
    const [line, ...others] = startWarnings({ ...ENOUGH, somaxconn: 128 }, CAPACITY);
    expect(line).toBe(
      'The system queues 128 new connections (net.core.somaxconn), fewer than the listen backlog of 511: ' +
        'when many connect at once, some wait for seconds. Raise it: sysctl -w net.core.somaxconn=511.',
    );
    expect(others).toEqual([]);
  });

  it.each(['8.22.0', '8.22.99', '7.99.99', '8.9.0', '8.22.0-beta.1'])('warns of ws %s', ws => {
    expect(startWarnings({ ...ENOUGH, ws }, CAPACITY)).toEqual([
      `ws ${ws} is in use; clients can fill the memory of versions below 8.23.0: ` +
        'update it ("npm ls ws" tells what holds it back).',
    ]);
  });

  it.each(['8.23.0', '8.23.1', '8.100.0', '9.0.0', '10.0.0', 'next'])('does not warn of ws %s', ws => {
    expect(startWarnings({ ...ENOUGH, ws }, CAPACITY)).toEqual([]);
  });

  it('warns of several processes that nothing connects', () => {
    const [line, ...others] = startWarnings({ ...ENOUGH, several: 'it runs in Kubernetes' }, CAPACITY);
    expect(line).toContain('one of several (it runs in Kubernetes), and nothing connects them');
    expect(others).toEqual([]);
  });

  it('gives a line for each', () => {
    expect(
      startWarnings({ openFiles: 1024, somaxconn: 128, ws: '8.18.0', several: 'x' }, CAPACITY),
    ).toHaveLength(4);
  });
});

describe('deflateWarning', () => {
  it.each([
    true,
    {},
    { threshold: 1024 },
    { serverNoContextTakeover: true },
    { clientNoContextTakeover: true },
    { serverNoContextTakeover: false, clientNoContextTakeover: true },
  ])('warns of %o', given => {
    expect(deflateWarning('{/market}', given)).toBe(
      'perMessageDeflate of the gateways {/market} compresses with context takeover, for each client by itself, and ' +
        'publications leave as they are: remove it and set the option "compression", or set ' +
        'serverNoContextTakeover and clientNoContextTakeover.',
    );
  });

  it.each([undefined, false, { serverNoContextTakeover: true, clientNoContextTakeover: true }])(
    'has nothing to say of %o',
    given => {
      expect(deflateWarning('{/market}', given)).toBeUndefined();
    },
  );
});

describe('the facts', () => {
  it('are read where the system has them', () => {
    const { openFiles, somaxconn, ws } = collectFacts();
    if (process.platform === 'linux') {
      expect(openFiles).toBeGreaterThan(64);
      expect(somaxconn).toBeGreaterThan(0);
    } else expect([openFiles, somaxconn]).toEqual([undefined, undefined]);
    expect(ws).toMatch(/^8\.\d+\.\d+$/);
  });

  it.each([
    ['Max open files            20000                524288               files     ', 20_000],
    ['Max open files            unlimited            unlimited            files     ', Infinity],
    ['Max processes             96365                96365                processes ', undefined],
    ['Max open files            many                 many                 files     ', undefined],
    ['', undefined],
  ])('have the soft limit of "%s"', (line, limit) => {
    const limits = `Limit                     Soft Limit           Hard Limit           Units     \n${line}\n`;
    expect(openFilesIn(limits)).toBe(limit);
  });
});

describe('severalBy', () => {
  it.each<[Record<string, string>, boolean, string]>([
    [{}, true, 'worker of a Node cluster'],
    [{ NODE_APP_INSTANCE: '1' }, false, 'PM2'],
    [{ NODE_APP_INSTANCE: '0', pm_id: '0', instances: '2' }, false, 'PM2'],
    [{ KUBERNETES_SERVICE_HOST: '10.0.0.1' }, false, 'Kubernetes'],
    [{ K_SERVICE: 'market' }, false, 'Cloud Run'],
    [{ DYNO: 'web.2' }, false, 'dyno'],
  ])('knows by %j and worker %s', (env, isWorker, sign) => {
    expect(severalBy(env, isWorker)).toContain(sign);
  });

  it.each([
    {},
    { NODE_APP_INSTANCE: '0', pm_id: '0', instances: '1' },
    { DYNO: 'web.1' },
    { instances: '2' },
  ])('knows nothing by %j', env => {
    expect(severalBy(env, false)).toBeUndefined();
  });
});
