import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { hasChromium, launchChromium } from '../../support/chromium.js';
import { eventually } from '../../support/client.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const MAIN = 'sample/01-ticker/dist/main.js';

interface Sample {
  readonly process: ChildProcess;
  readonly lines: string[];
  /** Settles with the exit code. */
  readonly exited: Promise<number | null>;
}

/** Starts the sample as `npm start` does, once it is built. */
function start(...args: string[]): Sample {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', line => lines.push(line));
  return { process: child, lines, exited: once(child, 'close').then(([code]) => code as number | null) };
}

async function urlOf(sample: Sample): Promise<string> {
  const address = /http:\/\/localhost:\d+/;
  await eventually(() => sample.lines.some(line => address.test(line)), 'the address of the sample');
  return address.exec(sample.lines.find(line => address.test(line))!)![0];
}

describe('sample 01-ticker', () => {
  beforeAll(() => {
    for (const script of ['build', 'build:samples'])
      execFileSync('npm', ['run', '--silent', script], { cwd: ROOT });
  }, 60_000);

  it('serves simulated clients without a loss, says so every second, and ends on Ctrl-C', async () => {
    const sample = start('--port', '0', '--rate', '2000', '--symbols', '50', '--clients', '20');
    await urlOf(sample);
    const received = /clients 20 {2}received ([\d,]+)\/s {2}lost (\d+)/;
    const status = (): RegExpExecArray | undefined =>
      sample.lines.map(line => received.exec(line)).find(Boolean) ?? undefined;
    await eventually(() => Number(status()?.[1]?.replaceAll(',', '')) > 0, 'a status line with deliveries');
    expect(status()![2]).toBe('0');
    sample.process.kill('SIGINT');
    expect(await sample.exited).toBe(0);
  });

  it('says what to do when its port is taken', async () => {
    const other = createServer().listen(0);
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const sample = start('--port', String(port));
    expect(await sample.exited).toBe(1);
    expect(sample.lines.join('\n')).toMatch(
      new RegExp(`^Port ${port} is taken: choose another one with .*--port`, 'm'),
    );
  });

  it.skipIf(!hasChromium)('shows live prices, a chart and the delivery rate in a browser', async () => {
    const sample = start('--port', '0', '--rate', '500', '--symbols', '20');
    const url = await urlOf(sample);
    const browser = await launchChromium();
    onTestFinished(() => browser.close());
    // The checks below are evaluated as strings, which the page's own policy forbids.
    const page = await browser.newPage({ bypassCSP: true });
    const errors: Error[] = [];
    const foreign: string[] = [];
    page.on('pageerror', error => errors.push(error));
    page.on('request', request => request.url().startsWith(url) || foreign.push(request.url()));
    await page.goto(url);

    await page.waitForFunction("document.querySelectorAll('#board tr').length >= 10");
    const prices = (): Promise<string[]> => page.locator('#board tr td:nth-child(2)').allInnerTexts();
    const before = await prices();
    await page.waitForFunction(
      "parseInt(document.querySelector('#messages').textContent.replace(/\\D/g, '')) > 0",
    );
    expect(await prices()).not.toEqual(before);

    await page.locator('#board tr').nth(2).click();
    const symbol = await page.locator('#board tr').nth(2).locator('th, td').first().innerText();
    await page.waitForFunction(
      `document.querySelector('#chart-symbol').textContent.startsWith(${JSON.stringify(symbol)})`,
    );
    // Something is drawn: not every pixel of the chart is the same.
    await page.waitForFunction(`(() => {
      const { width, height } = document.querySelector('#chart');
      const { data } = document.querySelector('#chart').getContext('2d').getImageData(0, 0, width, height);
      return new Set(new Uint32Array(data.buffer)).size > 2;
    })()`);
    expect(errors).toEqual([]);
    expect(foreign).toEqual([]);
  });
});
