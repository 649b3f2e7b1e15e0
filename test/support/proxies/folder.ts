import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certificate } from '../certificate.js';

/** Who the proxies run as when the tests run as root: nobody. */
export const NOBODY = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

/** A temporary folder that belongs to the user of the proxy, with a certificate. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'fanout-proxy-'));
  readonly certificate: string;
  readonly key: string;
  /** Certificate and key in one file. */
  readonly both: string;
  /** File for what the proxy writes. */
  readonly outputPath: string;

  constructor() {
    this.#give(this.path, 0o700);
    const { cert, key } = certificate();
    this.certificate = this.write('cert.pem', cert);
    this.key = this.write('key.pem', key);
    this.both = this.write('both.pem', cert + key);
    this.outputPath = this.write('output', '');
  }

  /** What the proxy has written. */
  get output(): string {
    return readFileSync(this.outputPath, 'utf8');
  }

  /** Writes a file and gives its path. */
  write(name: string, text: string): string {
    const path = join(this.path, name);
    writeFileSync(path, text);
    this.#give(path, 0o600);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  #give(path: string, mode: number): void {
    chmodSync(path, mode);
    if (NOBODY.uid !== undefined) chownSync(path, NOBODY.uid, NOBODY.gid);
  }
}
