import assert from 'node:assert/strict';
import { fetch } from 'undici';
import type { App } from './app.js';
import type { Report } from './report.js';
import { RawRequest } from './upgrade.js';

/** Answer to an HTTP request. */
export interface Answer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: any;
}

/** Requests to the application in the name of one user. */
export class HttpClient {
  constructor(
    private readonly app: App,
    readonly token?: string,
  ) {}

  static async login(app: App, sub: string, role?: string): Promise<HttpClient> {
    const { body } = await new HttpClient(app).post('/api/login', { sub, role });
    return new HttpClient(app, body.token);
  }

  get(path: string): Promise<Answer> {
    return this.#send('GET', path);
  }

  post(path: string, data: unknown): Promise<Answer> {
    return this.#send('POST', path, JSON.stringify(data));
  }

  delete(path: string): Promise<Answer> {
    return this.#send('DELETE', path);
  }

  /** The `data` of a GraphQL request. */
  async graphql(query: string): Promise<any> {
    const { body } = await this.post('/graphql', { query });
    if (body.errors) throw new Error(JSON.stringify(body.errors));
    return body.data;
  }

  async #send(method: string, path: string, body?: string): Promise<Answer> {
    const headers: Record<string, string> = {};
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (this.token !== undefined) headers.authorization = `Bearer ${this.token}`;
    const response = await fetch(this.app.url(path), { method, body, headers });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json');
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  }
}

/** Global prefix, guards, throttler, interceptor, helmet and Swagger on HTTP routes. */
export async function checkHttp(report: Report, app: App, ann: HttpClient): Promise<void> {
  const nobody = new HttpClient(app);

  await report.check('global prefix: routes are below it', async () => {
    assert.equal((await nobody.get('/api/health')).status, 200);
    assert.equal((await nobody.get('/health')).status, 404);
  });
  await report.check('JWT guard: HTTP routes', async () => {
    assert.equal((await nobody.get('/api/me')).status, 401);
    assert.equal((await ann.get('/api/me')).body.user, 'ann');
  });
  await report.check('interceptor: HTTP routes', async () => {
    assert.equal((await ann.get('/api/me')).body.stamp, 'http');
  });
  await report.check('throttler: 429 on HTTP', async () => {
    const answers = [
      await nobody.get('/api/scarce'),
      await nobody.get('/api/scarce'),
      await nobody.get('/api/scarce'),
    ];
    assert.deepEqual(
      answers.map(answer => answer.status),
      [200, 200, 429],
    );
    assert.ok(answers[2]!.headers.get('retry-after'));
  });
  await report.check('helmet: headers on routes, GraphQL and Swagger', async () => {
    const answers = [
      await nobody.get('/api/health'),
      await nobody.get('/api/docs-json'),
      await ann.post('/graphql', { query: '{ me { user } }' }),
    ];
    for (const { headers } of answers) assert.equal(headers.get('x-content-type-options'), 'nosniff');
  });
  await report.check('Swagger: the document has the routes', async () => {
    const { body } = await nobody.get('/api/docs-json');
    assert.match(body.openapi, /^3\./);
    assert.ok(body.paths['/api/prices/{symbol}'].post);
    assert.ok(!Object.keys(body.paths).some(path => path.includes('market')));
  });
  await report.check('HTTP: an offer of h2c is a request like any other', async () => {
    const request = new RawRequest(app.ports.http, '/api/health', {
      Connection: 'Upgrade, HTTP2-Settings',
      Upgrade: 'h2c',
      'HTTP2-Settings': 'AAMAAABkAAQAAP__',
    });
    assert.match(await request.answered, /^HTTP\/1\.1 200 /);
    request.destroy();
  });
}
