import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, type } from 'node:os';

/** What the figures were measured on: without it a figure says nothing. */
export function machine() {
  const [server, client] = cores();
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    node: process.version,
    system: `${type()} ${release()}`,
    ws: wsVersion(),
    loadBefore: loadavg()[0],
    pinned: { server, client },
  };
}

/**
 * The cores for the server and for the client. Sharing a core, the two would take turns and every latency would be
 * the scheduler's; where there is no taskset, or one core only, nothing is pinned and the report says so.
 *
 * @returns {[number | undefined, number | undefined]}
 */
function cores() {
  if (spawnSync('taskset', ['-V']).status !== 0) return [undefined, undefined];
  const [server, client] = allowedCores();
  return client === undefined ? [undefined, undefined] : [server, client];
}

/** In a container the cores one may use need not begin at 0. */
function allowedCores() {
  const list = /^Cpus_allowed_list:\s*(.+)$/m.exec(proc('status'))?.[1] ?? '';
  return list.split(',').flatMap(range => {
    const [from, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

/** One file a connection, in the server and in the client alike. */
export function openFileLimit() {
  return Number(/^Max open files\s+(\d+)/m.exec(proc('limits'))?.[1] ?? Infinity);
}

function proc(name) {
  try {
    return readFileSync(`/proc/self/${name}`, 'utf8');
  } catch {
    return ''; // not Linux
  }
}

function wsVersion() {
  const file = new URL('../../node_modules/ws/package.json', import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')).version;
}
