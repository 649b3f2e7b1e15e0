// Starts one application with the packed package and everything that Nest applications have beside it (GraphQL with
// Apollo, Socket.IO, a bare ws server, Swagger, helmet, throttler, nestjs-cls, a JWT guard, a microservice), and checks
// that all of it works together and ends in time, and that the heartbeats of client libraries are answered. Prints one line for each check; the exit code is 1 when one has failed.
//
//   node test/neighbours/run.mjs [--nest 11|12] [--platform express|fastify]
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cacheFolder, install, manifest, pack, ROOT, run, versionIn } from '../support/installation.mjs';

/** Packages whose major version goes with that of Nest. */
const OF_NEST = {
  11: {
    '@nestjs/apollo': '^13.4.0',
    '@nestjs/graphql': '^13.4.0',
    '@nestjs/swagger': '^11.4.0',
    nest: '^11.0.0',
  },
  12: {
    '@nestjs/apollo': '^14.0.0',
    '@nestjs/graphql': '^14.0.0',
    '@nestjs/swagger': '^12.0.0',
    nest: '^12.0.0',
  },
};

/** Packages of both. */
const OF_BOTH = {
  '@apollo/server': '^5.5.1',
  '@as-integrations/express5': '^1.1.2',
  '@as-integrations/fastify': '^3.1.0',
  '@fastify/static': '^10.1.2',
  '@nestjs/throttler': '^6.7.1',
  '@vueuse/core': '^14.4.0',
  graphql: '^16.11.0',
  'graphql-subscriptions': '^3.0.0',
  'graphql-ws': '^6.3.0',
  helmet: '^8.3.0',
  // The newest that runs on Node 20.
  'nestjs-cls': '^6.3.1',
  react: '^19.0.0',
  'react-dom': '^19.0.0',
  'react-test-renderer': '^19.0.0',
  'react-use-websocket': '^4.13.0',
  'reflect-metadata': '^0.2.2',
  rxjs: '^7.8.2',
  'socket.io': '^4.8.4',
  'socket.io-client': '^4.8.4',
  undici: '^7.30.2',
  vue: '^3.5.0',
};

/** Milliseconds that all checks of one version may take: a hang ends here. */
const CHECKS_MS = 180_000;

/** What runs unless something else is asked for. */
const USUAL = [
  { nest: '11', platform: 'express' },
  { nest: '12', platform: 'express' },
  { nest: '12', platform: 'fastify' },
];

const { values } = parseArgs({ options: { nest: { type: 'string' }, platform: { type: 'string' } } });
assertKnown('--nest', values.nest, Object.keys(OF_NEST));
assertKnown('--platform', values.platform, ['express', 'fastify']);

const cache = cacheFolder('neighbours');
const tarball = pack(cache);
process.exitCode = cells().map(check).every(Boolean) ? 0 : 1;

function assertKnown(option, value, known) {
  if (value === undefined || known.includes(value)) return;
  console.error(`${option} must be one of ${known.join(', ')}; got ${value}.`);
  process.exit(2);
}

/** The cells that the options ask for. */
function cells() {
  const { nest, platform } = values;
  if (nest !== undefined && platform !== undefined) return [{ nest, platform }];
  return USUAL.filter(
    cell => (nest ?? cell.nest) === cell.nest && (platform ?? cell.platform) === cell.platform,
  );
}

/** Checks one major version of Nest on one platform; tells whether all is well. */
function check({ nest, platform }) {
  const start = performance.now();
  const folder = join(cache, `nest-${nest}`);
  install(folder, { private: true, type: 'module', dependencies: dependenciesOf(nest) });
  compile(folder);
  const name = `nest ${nest} · ${platform}`;
  const { status, signal } = spawnSync(process.execPath, ['dist/checks/main.js', name, platform], {
    cwd: folder,
    stdio: 'inherit',
    timeout: CHECKS_MS,
    killSignal: 'SIGTERM',
  });
  const seconds = Math.round((performance.now() - start) / 1000);
  const versions = ['@nestjs/core', '@nestjs/graphql', 'nestjs-cls'].map(
    each => `${each} ${versionIn(folder, each)}`,
  );
  console.log(
    `${status === 0 ? 'ok    ' : 'FAILED'} ${name}: ${signal ? `not done within ${CHECKS_MS} ms` : 'all checks'} ` +
      `in ${seconds} s (${versions.join(', ')}, node ${process.version})`,
  );
  return status === 0;
}

function dependenciesOf(major) {
  const { nest, ...own } = OF_NEST[major];
  const names = ['common', 'core', 'microservices', 'platform-express', 'platform-fastify', 'websockets'];
  const types = ['@types/node', '@types/ws'];
  const known = { ...manifest.dependencies, ...manifest.devDependencies };
  return {
    [manifest.name]: `file:${tarball}`,
    ...OF_BOTH,
    ...own,
    ...Object.fromEntries(names.map(each => [`@nestjs/${each}`, nest])),
    '@nestjs/jwt': major === '11' ? '^11.0.0' : nest,
    ws: known.ws,
    ...Object.fromEntries(types.map(each => [each, known[each]])),
  };
}

/** Compiles the application and the checks in their folder, where nothing but the installed package can be found. */
function compile(folder) {
  for (const each of ['app', 'checks', 'dist']) rmSync(join(folder, each), { recursive: true, force: true });
  for (const each of ['app', 'checks', 'tsconfig.json'])
    cpSync(join(ROOT, 'test/neighbours', each), join(folder, each), { recursive: true });
  run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.json'], { cwd: folder });
}
