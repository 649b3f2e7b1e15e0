// Debian's nginx in front of a port, with the directives that the docs advise. This process ends it when it ends itself.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { answer } from '../process/answer.mjs';
import { NGINX } from './nginx.mjs';

const READY_MS = 5000;
const POLL_MS = 20;

const folder = mkdtempSync(join(tmpdir(), 'bench-nginx-'));
let nginx;

process.on('exit', () => {
  nginx?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});
process.on('SIGTERM', () => process.exit());

answer({ start });

/** @returns {Promise<number>} the port on which nginx listens */
async function start({ target }) {
  const port = await freePort();
  const config = join(folder, 'nginx.conf');
  writeFileSync(config, configuration(port, target));
  const args = ['-p', folder, '-e', 'stderr', '-c', config];
  const check = spawnSync(NGINX, [...args, '-t', '-q'], { encoding: 'utf8' });
  if (check.status !== 0) throw new Error(`nginx refuses its configuration: ${check.stderr}`);
  nginx = spawn(NGINX, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  for (const until = performance.now() + READY_MS; !(await answers(port)); await sleep(POLL_MS)) {
    if (performance.now() > until) throw new Error(`nginx does not listen on port ${port}`);
  }
  return port;
}

function configuration(port, target) {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  ${temporary.map(name => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  upstream app { server 127.0.0.1:${target} max_fails=0; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_read_timeout 60s;
      proxy_send_timeout 60s;
    }
  }
}
`;
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function answers(port) {
  const socket = connect(port, '127.0.0.1');
  const heard = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'close').then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return heard;
}
