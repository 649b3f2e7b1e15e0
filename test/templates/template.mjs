// One application made by a CLI of Nest.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { environmentOf, installBeside, manifest, runBeside, versionIn } from '../support/installation.mjs';
import { commandsOf, writeFilesOf } from './readme.mjs';
import { talkTo } from './started-app.mjs';

/** Where tests come from, beside the template's own. */
const TESTS = [
  ['docs/testing.md', '## The quick start'],
  ['docs/testing.md', '## A provider that publishes'],
  ['docs/testing.md', '## Guards'],
];

/** What a template needs for its tests and not for its builds. */
const TEST_TOOLS = [
  '@nestjs/testing',
  '@types/express',
  '@types/node',
  '@types/supertest',
  'supertest',
  'ts-jest',
  'typescript',
];

export class Template {
  #nest;
  #patience;
  #builders;
  #tools;
  #jest;
  #cache;
  #tarball;
  #nodes;
  #folder;
  #environment;
  #passed = true;

  constructor({ nest, patience, builders, tools, jest }, { cache, tarball, nodes }) {
    this.#nest = nest;
    this.#patience = patience;
    this.#builders = builders;
    this.#tools = tools;
    this.#jest = jest;
    this.#cache = cache;
    this.#tarball = tarball;
    this.#nodes = nodes;
    this.#folder = join(cache, `app-${nest}`);
    // The generators of CLI 12 ask for Node 22 or later.
    this.#environment = environmentOf(nodes[nest === '11' ? 20 : 24]);
  }

  /** Runs every step and prints a line for each; tells whether all passed. */
  async check() {
    await this.#step('made by the CLI', () => this.#make());
    if (this.#passed) await this.#step('quick start of the README', () => this.#followReadme());
    if (!this.#passed) return false;
    for (const node of Object.keys(this.#nodes)) {
      await this.#step(`unit tests on Node ${node}`, () => this.#test(this.#folder, node, 'test'));
      await this.#step(`e2e tests on Node ${node}`, () => this.#test(this.#folder, node, 'test:e2e'));
    }
    for (const builder of this.#builders)
      await this.#step(`built with ${builder}`, () => this.#build(builder));
    if (this.#jest !== undefined)
      await this.#step(`tests with Jest ${this.#jest}`, () => this.#testWithJest());
    return this.#passed;
  }

  async #step(name, work) {
    const start = performance.now();
    const note = await work().catch(error => {
      this.#passed = false;
      return error;
    });
    const failed = note instanceof Error;
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(
      `${failed ? 'FAILED' : 'ok    '} nest ${this.#nest} · ${name} · ${seconds} s${failed ? '' : ` (${note})`}`,
    );
    if (failed) console.log(note.message);
  }

  /** An application as the CLI makes it, with the builders' packages. The installed packages of an earlier run stay. */
  async #make() {
    const pristine = join(this.#cache, `pristine-${this.#nest}`);
    if (!existsSync(join(pristine, 'package.json'))) await this.#generate(pristine);
    for (const name of ['src', 'test', 'dist'])
      rmSync(join(this.#folder, name), { recursive: true, force: true });
    mkdirSync(this.#folder, { recursive: true });
    const packageJson = readJson(pristine);
    packageJson.devDependencies = { ...packageJson.devDependencies, ...this.#tools };
    const fresh = await installBeside(this.#folder, packageJson);
    cpSync(pristine, this.#folder, { recursive: true });
    writeFileSync(join(this.#folder, 'package.json'), JSON.stringify(packageJson, null, 2));
    // What an earlier run of the quick start added goes away again.
    if (!fresh) await this.#npm('prune');
    return `@nestjs/core ${versionIn(this.#folder, '@nestjs/core')}`;
  }

  async #generate(pristine) {
    rmSync(pristine, { recursive: true, force: true });
    // The CLI takes the directory as one below its own.
    const options = [
      '--directory',
      basename(pristine),
      '--package-manager',
      'npm',
      '--skip-git',
      '--skip-install',
    ];
    await runBeside('npx', ['-y', `@nestjs/cli@${this.#nest}`, 'new', `template-${this.#nest}`, ...options], {
      cwd: this.#cache,
      env: this.#environment,
    });
  }

  /** Does what the README says, word for word, but takes the packed package in place of the published one. */
  async #followReadme() {
    const commands = [
      ...commandsOf('README.md', '## Quick start'),
      ...commandsOf('docs/testing.md', '## The quick start'),
    ];
    for (const command of commands) await this.#shell(this.#fromTarball(command));
    const files = writeFilesOf('README.md', '## Quick start', this.#folder);
    for (const [page, section] of TESTS) files.push(...writeFilesOf(page, section, this.#folder));
    const websockets = versionIn(this.#folder, '@nestjs/websockets');
    if (!websockets.startsWith(`${this.#nest}.`))
      throw new Error(`@nestjs/websockets ${websockets} was installed`);
    await this.#installLineForOtherManagers();
    return `${files.length} files, @nestjs/websockets ${websockets}`;
  }

  /** The line that names `@nestjs/websockets` must resolve as well. */
  async #installLineForOtherManagers() {
    const packages = [this.#tarball, `@nestjs/websockets@${this.#nest}`];
    await this.#npm('install', '--dry-run', ...packages);
  }

  #fromTarball(command) {
    return command.replace(new RegExp(`\\b${manifest.name}\\b`), this.#tarball);
  }

  #shell(command) {
    const quiet = { npm_config_audit: 'false', npm_config_fund: 'false', npm_config_prefer_offline: 'true' };
    return runBeside('sh', ['-c', command], { cwd: this.#folder, env: { ...this.#environment, ...quiet } });
  }

  #npm(...args) {
    return this.#shell(['npm', ...args].join(' '));
  }

  /** Runs a test script of the template and tells how many tests passed. */
  async #test(folder, node, script) {
    const env = { ...environmentOf(this.#nodes[node]), CI: 'true' };
    const { stdout, stderr } = await runBeside('npm', ['run', script, '--', ...this.#patience], {
      cwd: folder,
      env,
    });
    const output = stdout + stderr;
    const [, count] = /^\s*Tests:?\s+(\d+) passed/m.exec(output) ?? [];
    // The template has one test of each kind; the README and docs/testing.md add to both.
    if (!(Number(count) > 1)) throw new Error(`the tests of the documentation did not run:\n${output}`);
    if (/did not exit|failed to exit/.test(output)) throw new Error(`something was left open:\n${output}`);
    return `${count} tests`;
  }

  /** Builds, then starts what was built on each Node and talks to it. */
  async #build(builder) {
    rmSync(join(this.#folder, 'dist'), { recursive: true, force: true });
    await this.#shell(`npx nest build --builder ${builder}`);
    const main = join(this.#folder, 'dist/main.js');
    const talks = Object.values(this.#nodes).map(binary => talkTo(binary, main));
    const versions = await Promise.all(talks);
    return `answers on Node ${versions.join(' and ')}`;
  }

  /** The same tests with another major version of Jest, in a folder of their own. */
  async #testWithJest() {
    const folder = join(this.#cache, `app-${this.#nest}-jest-${this.#jest}`);
    const made = readJson(this.#folder);
    const tools = Object.entries(made.devDependencies).filter(([name]) => TEST_TOOLS.includes(name));
    const jest = { jest: `^${this.#jest}.0.0`, '@types/jest': `^${this.#jest}.0.0` };
    const devDependencies = { ...Object.fromEntries(tools), ...jest };
    await installBeside(folder, { ...made, devDependencies });
    for (const name of ['src', 'test']) {
      rmSync(join(folder, name), { recursive: true, force: true });
      cpSync(join(this.#folder, name), join(folder, name), { recursive: true });
    }
    cpSync(join(this.#folder, 'tsconfig.json'), join(folder, 'tsconfig.json'));
    const unit = await this.#test(folder, 20, 'test');
    const e2e = await this.#test(folder, 20, 'test:e2e');
    return `unit ${unit}, e2e ${e2e}, jest ${versionIn(folder, 'jest')}`;
  }
}

function readJson(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}
