import { readdirSync } from 'node:fs';

const folder = new URL('shapes/', import.meta.url);

/** Every shape there is: a file in shapes/ each. */
export async function loadShapes() {
  const files = readdirSync(folder).filter(file => file.endsWith('.mjs'));
  const modules = await Promise.all(files.sort().map(file => import(new URL(file, folder))));
  return modules.map(({ shape }) => shape);
}
