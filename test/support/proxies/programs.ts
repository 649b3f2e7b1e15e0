import { textOf } from './loopback.js';
import type { Program } from './program.js';

/** Modules that Debian loads by itself, then those of `a2enmod` on the page. */
const MODULES = ['mpm_event', 'authz_core', 'socache_shmcb', 'ssl', 'headers', 'proxy', 'proxy_http'];

/** Modules of several processes, beside {@link MODULES}. */
const BALANCER = ['slotmem_shm', 'proxy_balancer', 'lbmethod_byrequests', 'lbmethod_bybusyness'];

const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

export const nginx: Program = {
  name: 'nginx',
  command: 'nginx',
  package: 'nginx-light',
  places: (at, { certificate, key, path }) => [
    ['listen 443 ssl', `listen ${textOf(at)} ssl`],
    ['/etc/ssl/certs/example.com.pem', certificate],
    ['/etc/ssl/private/example.com.key', key],
    // By default in folders of root.
    [
      'http {',
      `http { access_log off; ${TEMPORARY.map(each => `${each}_temp_path ${path}/${each};`).join(' ')}`,
    ],
  ],
  write(text, folder) {
    const globals = `daemon off; pid ${folder.path}/pid; error_log stderr info;`;
    return ['-e', 'stderr', '-c', folder.write('nginx.conf', text), '-g', globals];
  },
  reload: { signal: 'SIGHUP', says: 'gracefully shutting down' },
};

export const haproxy: Program = {
  name: 'HAProxy',
  command: 'haproxy',
  package: 'haproxy',
  places: (at, { both }) => [
    ['bind :443', `bind ${textOf(at)}`],
    ['/etc/ssl/private/example.com.pem', both],
  ],
  write: (text, folder) => ['-W', '-f', folder.write('haproxy.cfg', text)],
  reload: { signal: 'SIGUSR2', says: 'Proxy web stopped' },
};

export const caddy: Program = {
  name: 'Caddy',
  command: 'caddy',
  package: 'caddy',
  places: (at, { path }) => [
    [
      'example.com {',
      // No other port, a certificate of its own, and no file outside of the folder.
      `{\n  admin unix/${path}/admin\n  skip_install_trust\n  auto_https disable_redirects\n}\nhttps://${textOf(at)} {`,
    ],
  ],
  write: (text, folder) => ['run', '--adapter', 'caddyfile', '--config', folder.write('Caddyfile', text)],
  reload({ path }) {
    const address = `unix/${path}/admin`;
    const file = `${path}/Caddyfile`;
    return ['reload', '--force', '--adapter', 'caddyfile', '--config', file, '--address', address];
  },
};

export const apache: Program = {
  name: 'Apache',
  command: 'apache2',
  package: 'apache2-bin',
  places: (at, { certificate, key }) => [
    ['<VirtualHost *:443>', `Listen ${textOf(at)}\n<VirtualHost ${textOf(at)}>`],
    ['/etc/ssl/certs/example.com.pem', certificate],
    ['/etc/ssl/private/example.com.key', key],
  ],
  write(text, folder) {
    const modules = [...MODULES, ...(text.includes('balancer:') ? BALANCER : [])];
    const frame = [
      'ServerRoot /usr/lib/apache2',
      'ServerName localhost',
      `DefaultRuntimeDir ${folder.path}`,
      `Mutex file:${folder.path}`,
      `PidFile ${folder.path}/pid`,
      'ErrorLog /dev/stderr',
      ...modules.map(name => `LoadModule ${name}_module modules/mod_${name}.so`),
    ];
    return ['-DFOREGROUND', '-f', folder.write('apache2.conf', [...frame, text].join('\n'))];
  },
  reload: { signal: 'SIGUSR1', says: 'Doing graceful restart' },
};
