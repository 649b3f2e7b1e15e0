import { type ClientRequest, type IncomingHttpHeaders, request } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { randomBytes } from 'node:crypto';

/** The HTTP answer to an upgrade request; `status` is 101 for one that was accepted. */
export interface UpgradeAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An upgrade request, sent as plain HTTP. */
export function upgradeRequest(url: string, headers: Record<string, string> = {}): ClientRequest {
  const asking = (url.startsWith('wss:') ? tlsRequest : request)(url.replace(/^ws/, 'http'), {
    rejectUnauthorized: false,
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
      ...headers,
    },
  });
  asking.end();
  return asking;
}

/** Asks for an upgrade and gives the answer. An accepted socket is ended at once. */
export function upgrade(url: string, headers?: Record<string, string>): Promise<UpgradeAnswer> {
  return new Promise((resolve, reject) => {
    const asking = upgradeRequest(url, headers);
    asking.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: 101, headers: response.headers, body: '' });
    });
    asking.on('response', response => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
    });
    asking.on('error', reject);
  });
}
