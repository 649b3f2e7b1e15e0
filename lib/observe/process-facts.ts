import cluster from 'node:cluster';
import { readFileSync } from 'node:fs';
import { wsVersion } from './ws-version.cjs';

/** Limits of the system for this process, and its environment. Undefined means unknown. */
export interface ProcessFacts {
  /** Files and sockets that may be open, by the soft limit. */
  readonly openFiles: number | undefined;
  /** Longest queue of connections that wait to be accepted. */
  readonly somaxconn: number | undefined;
  /** Version of `ws`. */
  readonly ws: string | undefined;
  /** Sign that this process is one of several with the same code. */
  readonly several: string | undefined;
}

/** Reads the facts; on systems without `/proc` those of the system stay unknown. */
export function collectFacts(): ProcessFacts {
  return {
    openFiles: openFilesIn(contentOf('/proc/self/limits')),
    somaxconn: wholeNumber(contentOf('/proc/sys/net/core/somaxconn')),
    ws: wsVersion(),
    several: severalBy(process.env, cluster.isWorker),
  };
}

/** Sign that the process is, or may be, one of several; undefined where there is none. */
export function severalBy(
  env: Readonly<Record<string, string | undefined>>,
  isWorker: boolean,
): string | undefined {
  if (isWorker) return 'it is a worker of a Node cluster';
  if (Number(env.NODE_APP_INSTANCE) > 0 || (env.pm_id !== undefined && Number(env.instances) > 1))
    return 'PM2 runs several instances';
  if (env.KUBERNETES_SERVICE_HOST !== undefined) return 'it runs in Kubernetes';
  if (env.K_SERVICE !== undefined) return 'it runs in Knative or Cloud Run';
  return Number(/\.(\d+)$/.exec(env.DYNO ?? '')?.[1]) > 1 ? 'it is not the first dyno' : undefined;
}

/** The soft limit of open files in a text of `/proc/<pid>/limits`; infinite when there is none. */
export function openFilesIn(limits: string): number | undefined {
  const soft = /^Max open files +(\S+)/m.exec(limits)?.[1];
  return soft === 'unlimited' ? Infinity : wholeNumber(soft ?? '');
}

function wholeNumber(text: string): number | undefined {
  return /^\d+\s*$/.test(text) ? Number(text) : undefined;
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
