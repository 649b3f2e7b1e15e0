import type { ClientSpec, Scenario, Step } from './scenario.js';
import type { Violation } from './violation.js';

/** Tries a scenario. */
export type Attempt = (scenario: Scenario) => Promise<Violation | undefined>;

/** A failing scenario from which nothing can be taken away any more, and what is wrong with it. */
export interface Shrunk {
  readonly scenario: Scenario;
  readonly violation: Violation;
  /** How many scenarios were tried. */
  readonly attempts: number;
}

/** Scenarios that are tried at most: some seconds. */
const MOST_ATTEMPTS = 3000;

/**
 * The smallest scenario that can be reached from a failing one by leaving steps out and making parts simpler, and that
 * still breaks the same rule.
 */
export async function shrink(failing: Scenario, found: Violation, attempt: Attempt): Promise<Shrunk> {
  const search = new Search(failing, found, attempt);
  await search.run();
  return search;
}

class Search implements Shrunk {
  scenario: Scenario;
  violation: Violation;
  attempts = 0;
  readonly #attempt: Attempt;

  constructor(scenario: Scenario, violation: Violation, attempt: Attempt) {
    this.scenario = scenario;
    this.violation = violation;
    this.#attempt = attempt;
  }

  async run(): Promise<void> {
    let before: Scenario;
    do {
      before = this.scenario;
      await this.#dropSteps();
      await this.#simplify();
    } while (before !== this.scenario && this.attempts < MOST_ATTEMPTS);
  }

  /** Delta debugging: leaves out runs of steps, long ones first. */
  async #dropSteps(): Promise<void> {
    for (let size = this.scenario.steps.length; size >= 1; size = Math.floor(size / 2)) {
      for (let at = 0; at < this.scenario.steps.length;) {
        const { steps } = this.scenario;
        const fewer = [...steps.slice(0, at), ...steps.slice(at + size)];
        if (!(await this.#keep({ ...this.scenario, steps: fewer }))) at += size;
      }
    }
  }

  /** Takes each simpler variant that still fails, and begins anew with its variants. */
  async #simplify(): Promise<void> {
    for (let again = true; again;) {
      again = false;
      for (const simpler of simplerThan(this.scenario)) {
        if (this.attempts >= MOST_ATTEMPTS) return;
        if (await this.#keep(simpler)) {
          again = true;
          break;
        }
      }
    }
  }

  async #keep(scenario: Scenario): Promise<boolean> {
    if (this.attempts >= MOST_ATTEMPTS) return false;
    this.attempts++;
    const violation = await this.#attempt(scenario);
    if (violation?.rule !== this.violation.rule) return false;
    this.scenario = scenario;
    this.violation = violation;
    return true;
  }
}

/** Variants of a scenario, each simpler in one point. */
function* simplerThan(scenario: Scenario): Generator<Scenario> {
  const { settings, topics, clients, steps } = scenario;
  for (let i = clients.length - 1; i >= 0; i--) if (clients.length > 1) yield withoutClient(scenario, i);
  for (const name of Object.keys(topics)) {
    const { [name]: spec, ...others } = topics;
    if (!steps.some(step => 'topic' in step && step.topic === name)) yield { ...scenario, topics: others };
    for (const simpler of plainer(spec!, { snapshot: false, every: 0, conflate: undefined }))
      yield { ...scenario, topics: { ...topics, [name]: simpler } };
  }
  for (let i = 0; i < clients.length; i++) {
    const plain: ClientSpec = {
      format: 'plain',
      deflate: false,
      tls: false,
      network: { kind: 'fast' },
      pongs: 'each',
      busy: 0,
    };
    for (const simpler of plainer(clients[i]!, plain))
      yield { ...scenario, clients: clients.with(i, simpler) };
  }
  for (const simpler of plainer(settings, {
    window: undefined,
    writeMs: 0,
    slice: 8,
    recoveries: 256,
    lag: 0,
  }))
    yield { ...scenario, settings: simpler };
  for (let i = 0; i < steps.length; i++) {
    for (const simpler of simplerSteps(steps[i]!)) yield { ...scenario, steps: steps.with(i, simpler) };
  }
}

/** Variants with one property each as in `plain`. */
function* plainer<T extends object>(value: T, plain: Partial<T>): Generator<T> {
  for (const key of Object.keys(plain) as (keyof T)[]) {
    if (JSON.stringify(value[key]) !== JSON.stringify(plain[key])) yield { ...value, [key]: plain[key] };
  }
}

/** Variants with an option less, or a smaller number. */
function* simplerSteps(step: Step): Generator<Step> {
  const numbers = ['count', 'size', 'keys', 'ms', 'ttl'];
  for (const option of ['ttl', 'except', 'idempotencyKey', 'since', 'maxRate', 'held'] as const) {
    const { [option as never]: present, ...others } = step;
    if (present !== undefined) yield others as Step;
  }
  for (const name of numbers) {
    const value = (step as unknown as Record<string, number>)[name];
    if (value === undefined) continue;
    for (const smaller of new Set([1, Math.floor(value / 2), value - 1]))
      if (smaller >= 1 && smaller < value) yield { ...step, [name]: smaller } as Step;
  }
}

function withoutClient(scenario: Scenario, index: number): Scenario {
  const moved = (client: number): number => (client > index ? client - 1 : client);
  const steps = scenario.steps
    .filter(step => !('client' in step) || step.client !== index)
    .map(step => {
      if ('client' in step) return { ...step, client: moved(step.client) };
      if (step.do !== 'publish' || step.except === undefined) return step;
      const { except, ...others } = step;
      return except === index ? others : { ...others, except: moved(except) };
    });
  return { ...scenario, clients: scenario.clients.filter((_, i) => i !== index), steps };
}
