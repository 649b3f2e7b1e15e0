import type { ProcessFacts } from './process-facts.js';

/** Files and sockets that a process needs beside its connections: logs, databases, brokers. */
const OTHER_FILES = 256;

/** The first `ws` that ends connections which send pings and read nothing, before the pongs fill the memory. */
const LEAST_WS = '8.23.0';

/** Load that the server is configured for. */
export interface Capacity {
  /** `limits.connections`. */
  readonly connections: number;
  /** Connections that may wait to be accepted, as its servers ask for. */
  readonly backlog: number;
}

/** Returns a line for each limit of the process that is too low for the configured load, with what to do. */
export function startWarnings(facts: ProcessFacts, { connections, backlog }: Capacity): string[] {
  const { openFiles, somaxconn, ws, several } = facts;
  const needed = connections + OTHER_FILES;
  const lines: string[] = [];
  if (openFiles !== undefined && openFiles < needed) {
    lines.push(
      `This process may open ${openFiles} files, too few for limits.connections (${connections}) and ${OTHER_FILES} others: ` +
        `raise the limit (ulimit -n ${needed}, or LimitNOFILE= of systemd), or lower limits.connections.`,
    );
  }
  if (somaxconn !== undefined && somaxconn < backlog) {
    lines.push(
      `The system queues ${somaxconn} new connections (net.core.somaxconn), fewer than the listen backlog of ${backlog}: ` +
        `when many connect at once, some wait for seconds. Raise it: sysctl -w net.core.somaxconn=${backlog}.`,
    );
  }
  if (ws !== undefined && isBelow(ws, LEAST_WS)) {
    lines.push(
      `ws ${ws} is in use; clients can fill the memory of versions below ${LEAST_WS}: ` +
        `update it ("npm ls ws" tells what holds it back).`,
    );
  }
  if (several !== undefined) {
    lines.push(
      `This process is, or may be, one of several (${several}), and nothing connects them: a publication reaches the clients ` +
        'of its own process only. Run one process, or publish in each process, for instance from a message broker.',
    );
  }
  return lines;
}

/**
 * Returns a warning about the compression that a gateway has configured for `ws`.
 * @param place place of the gateway, as in the start log: `{/path}`
 */
export function deflateWarning(place: string, perMessageDeflate: unknown): string | undefined {
  if (perMessageDeflate === undefined || perMessageDeflate === false) return undefined;
  const { serverNoContextTakeover, clientNoContextTakeover } = Object(perMessageDeflate) as {
    readonly serverNoContextTakeover?: unknown;
    readonly clientNoContextTakeover?: unknown;
  };
  if (serverNoContextTakeover && clientNoContextTakeover) return undefined;
  return (
    `perMessageDeflate of the gateways ${place} compresses with context takeover, for each client by itself, and ` +
    `publications leave as they are: remove it and set the option "compression", or set ` +
    `serverNoContextTakeover and clientNoContextTakeover.`
  );
}

/** Tells whether a version is lower than another, both `major.minor.patch`; false for other text. */
function isBelow(version: string, least: string): boolean {
  const [own, other] = [numbersOf(version), numbersOf(least)];
  const at = own.findIndex((number, i) => number !== other[i]);
  return at >= 0 && own[at]! < other[at]!;
}

function numbersOf(version: string): number[] {
  return (/^(\d+)\.(\d+)\.(\d+)/.exec(version) ?? []).slice(1).map(Number);
}
