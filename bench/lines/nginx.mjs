import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const FOLDERS = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];

/** Where nginx is, or undefined: Debian puts it where the PATH of an ordinary user does not lead. */
export const NGINX = FOLDERS.map(folder => join(folder, 'nginx')).find(existsSync);
