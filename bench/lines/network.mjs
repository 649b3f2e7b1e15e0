import { spawnSync } from 'node:child_process';

const PREFIX = 'bench-lines-';
const PORT = 4789; // of VXLAN
const OUTER = { server: '10.98.1.2', client: '10.98.2.2' };
/** Where the packets of server and client come to the relay, and where they go on to. */
export const RELAY = {
  port: PORT,
  sides: [
    { at: '10.98.1.1', peer: OUTER.server },
    { at: '10.98.2.1', peer: OUTER.client },
  ],
};
const TOOLS = ['ip', 'tc', 'ethtool'];
const BURST = 4096; // bytes that may leave at once: more than a packet
const QUEUE_MS = 300; // of the router before the slow line

/** @returns {string | undefined} why this machine cannot have the namespaces */
export function whyNoNamespaces() {
  if (process.getuid?.() !== 0) return 'namespaces need root';
  const missing = TOOLS.filter(tool => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0);
  return missing.length > 0 ? `namespaces need ${missing.join(' and ')}` : undefined;
}

/**
 * Three network namespaces: server and client, and a relay between them. For each line there is a VXLAN device at both
 * ends. The kernel gives its packets to the relay as UDP, which can hold them up and lose them; the rate is the kernel's.
 */
export class Network {
  #names;

  /** @param {number[]} kbits rate of each line */
  constructor(kbits) {
    removeLeftovers();
    const [server, relay, client] = ['server', 'relay', 'client'].map(
      name => `${PREFIX}${process.pid}-${name}`,
    );
    this.#names = { server, relay, client };
    // However the benchmark ends: a namespace outlives the process that has made it.
    process.once('exit', () => this.remove());
    for (const name of Object.values(this.#names)) this.#addNamespace(name);
    this.#connect(server, RELAY.sides[0]);
    this.#connect(client, RELAY.sides[1]);
    this.#addLines(server, { side: 0, host: 1, kbits });
    this.#addLines(client, { side: 1, host: 2, kbits });
    const shape = (rate, i) =>
      `qdisc add dev line${i} root tbf rate ${rate}kbit burst ${BURST} latency ${QUEUE_MS}ms`;
    run(['tc', '-n', server, '-batch', '-'], kbits.map(shape));
  }

  get server() {
    return this.#names.server;
  }

  get relay() {
    return this.#names.relay;
  }

  get client() {
    return this.#names.client;
  }

  /** The server, as the client of a line sees it. */
  serverAddress(line) {
    return address(line, 1);
  }

  remove() {
    for (const name of Object.values(this.#names)) removeNamespace(name);
    this.#names = {};
  }

  #addNamespace(name) {
    run(['ip', 'netns', 'add', name]);
    // No addresses of its own making, and so no packets but those of the lines.
    const off = 'for f in all default; do echo 1 >/proc/sys/net/ipv6/conf/$f/disable_ipv6; done';
    run(['ip', 'netns', 'exec', name, 'sh', '-c', off]);
    run(['ip', '-n', name, 'link', 'set', 'lo', 'up']);
  }

  /** Server or client to the relay. */
  #connect(namespace, { at, peer }) {
    const far = `to-${namespace.split('-').at(-1)}`;
    const link = `link add relay netns ${namespace} type veth peer name ${far} netns ${this.relay}`;
    run(['ip', '-batch', '-'], [link]);
    run(['ip', '-n', namespace, '-batch', '-'], [`addr add ${peer}/24 dev relay`, 'link set relay up']);
    run(['ip', '-n', this.relay, '-batch', '-'], [`addr add ${at}/24 dev ${far}`, `link set ${far} up`]);
  }

  #addLines(namespace, { side, host, kbits }) {
    const { at, peer } = RELAY.sides[side];
    const commands = kbits.flatMap((_, i) => [
      `link add line${i} type vxlan id ${i} remote ${at} local ${peer} dstport ${PORT} dev relay`,
      `addr add ${address(i, host)}/24 dev line${i}`,
    ]);
    run(['ip', '-n', namespace, '-batch', '-'], commands);
    // Whole packets with their checksums in them, as no hardware comes after the relay that would complete them.
    const devices = kbits.map((_, i) => `line${i}`);
    const each = `for d in ${devices.join(' ')}; do ethtool -K $d tx off >/dev/null && ip link set $d up || exit 1; done`;
    run(['ip', 'netns', 'exec', namespace, 'sh', '-c', each]);
  }
}

function address(line, host) {
  return `10.77.${line}.${host}`;
}

/** What a run has left behind that was killed. */
function removeLeftovers() {
  const names = run(['ip', 'netns', 'list'])
    .split('\n')
    .map(line => line.split(' ')[0]);
  for (const name of names.filter(it => it.startsWith(PREFIX))) {
    if (!isAlive(Number(name.slice(PREFIX.length).split('-')[0]))) removeNamespace(name);
  }
}

function removeNamespace(name) {
  spawnSync('ip', ['netns', 'del', name]);
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** @param {string[]} [lines] of the standard input */
function run([command, ...args], lines = []) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    input: lines.map(line => `${line}\n`).join(''),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
  return stdout;
}
