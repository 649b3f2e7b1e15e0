import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const PROGRAM = fileURLToPath(new URL('slow-line.py', import.meta.url));

/**
 * A line between a server and its clients that keeps little and passes on so many bytes a second. In Python, because
 * Node cannot make the buffers of a socket small. It ends with the test.
 * @param url of the server
 * @returns the url of its other end
 */
export async function slowLine(url: string, bytesPerSecond: number): Promise<string> {
  const to = new URL(url);
  const line = spawn('python3', [PROGRAM, to.hostname, to.port, String(bytesPerSecond)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void line.kill());
  const [port] = (await once(createInterface(line.stdout), 'line')) as [string];
  to.host = `127.0.0.1:${port}`;
  return to.href.replace(/\/$/, '');
}
