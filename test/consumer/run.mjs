// Compiles app.ts against the packed package with TypeScript of several versions, for CommonJS and ES modules, with the
// declaration files checked; then loads the package both ways on each Node.
//
//   node test/consumer/run.mjs
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  cacheFolder,
  install,
  installNode,
  manifest,
  pack,
  ROOT,
  run,
  runBeside,
  versionIn,
} from '../support/installation.mjs';

const CACHE = cacheFolder('consumer');
const NEST = '^11.0.0';

/** The oldest that reads our declarations, the last ones that refuse require() of ES modules, and what we build with. */
const COMPILERS = ['5.1', '5.4', '5.7', '7.0'];

/** How applications set up TypeScript. Version 7 has no `node10` any more. */
const SETTINGS = [
  { type: 'commonjs', module: 'nodenext', moduleResolution: 'nodenext' },
  { type: 'commonjs', module: 'node16', moduleResolution: 'node16' },
  { type: 'commonjs', module: 'commonjs', moduleResolution: 'node10', until: 6 },
  { type: 'module', module: 'nodenext', moduleResolution: 'nodenext' },
];

const tarball = pack(CACHE);
const folder = join(CACHE, 'nest-11');
install(folder, {
  private: true,
  dependencies: {
    [manifest.name]: `file:${tarball}`,
    '@nestjs/common': NEST,
    '@nestjs/core': NEST,
    '@nestjs/websockets': NEST,
    '@types/node': manifest.devDependencies['@types/node'],
    'reflect-metadata': manifest.devDependencies['reflect-metadata'],
    rxjs: manifest.devDependencies.rxjs,
    ...Object.fromEntries(
      COMPILERS.map(version => [`typescript-${version}`, `npm:typescript@~${version}.0`]),
    ),
  },
});
for (const compiler of COMPILERS) await compileWith(compiler);
for (const major of ['20', '24']) loadOn(major);

/** Compiles the application under each setting; prints a line for the compiler. */
async function compileWith(compiler) {
  const version = versionIn(folder, `typescript-${compiler}`);
  const settings = SETTINGS.filter(({ until = Infinity }) => parseInt(compiler) < until);
  // The declarations are the same for all settings of a module format, and checking them takes most of the time.
  const said = await Promise.all(
    settings.map((setting, i) => compile(compiler, { ...setting, skipLibCheck: i > 0 })),
  );
  const errors = said.flatMap(({ stdout }, i) =>
    stdout === '' ? [] : [`${JSON.stringify(settings[i])}:\n${stdout}`],
  );
  report(`typescript ${version}, ${settings.length} settings`, errors);
}

function compile(compiler, { type, module, moduleResolution, skipLibCheck }) {
  const program = join(folder, `${compiler}-${type}-${module}-${moduleResolution}`);
  mkdirSync(program, { recursive: true });
  cpSync(join(ROOT, 'test/consumer/app.ts'), join(program, 'app.ts'));
  writeFileSync(join(program, 'package.json'), JSON.stringify({ type }));
  const compilerOptions = {
    target: 'ES2022',
    module,
    moduleResolution,
    strict: true,
    noEmit: true,
    skipLibCheck,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    types: ['node'],
  };
  writeFileSync(join(program, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['app.ts'] }));
  const tsc = join(folder, `node_modules/typescript-${compiler}/bin/tsc`);
  return runBeside(process.execPath, [tsc, '-p', program, '--pretty', 'false'], { mayFail: true });
}

/** Loads the installed package with `import` and with `require()` in one process. */
function loadOn(major) {
  const binary = installNode(CACHE, major);
  const script = 'one-copy.cjs';
  cpSync(join(ROOT, 'test/consumer', script), join(folder, script));
  const { status, stdout, stderr } = run(binary, [script], { cwd: folder, mayFail: true });
  report(stdout.trim(), status === 0 ? [] : [stderr]);
}

function report(what, errors) {
  console.log(`${errors.length === 0 ? 'ok    ' : 'FAILED'} ${what}`);
  for (const error of errors) console.log(error);
  if (errors.length > 0) process.exitCode = 1;
}
