/** Version of the `ws` package that this library uses; undefined in a bundle that left its manifest out. */
export function wsVersion(): string | undefined {
  try {
    return (require('ws/package.json') as { version: string }).version;
  } catch {
    return undefined;
  }
}
