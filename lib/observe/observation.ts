import type { Clock } from '../time/clock.js';
import { Counters } from './counters.js';
import { type LoadLimits, LoadMonitor } from './load-monitor.js';
import { type FanoutMetrics, ProcessMetrics } from './metrics.js';
import { Preflight, type PreflightOptions } from './preflight.js';
import { processProbe } from './process-probe.js';
import { Rejections } from './rejections.js';

/** Parts that watch this process. */
export interface Observation {
  readonly counters: Counters;
  readonly rejections: Rejections;
  readonly load: LoadMonitor;
  readonly preflight: Preflight;
  readonly metrics: FanoutMetrics;
}

/** Logger for their lines. */
export interface ObservationLog {
  warn(line: string): void;
  log(line: string): void;
}

/** Creates the parts; none of them runs yet. */
export function observeProcess(
  options: PreflightOptions & { readonly limits: LoadLimits },
  clock: Clock,
  log: ObservationLog,
): Observation {
  const counters = new Counters();
  const rejections = new Rejections(clock.now, log);
  const load = new LoadMonitor(processProbe(clock), options.limits, log);
  const preflight = new Preflight(options, log);
  return { counters, rejections, load, preflight, metrics: new ProcessMetrics(rejections, load, counters) };
}
