/** Peers that need something npm cannot install. */
const NEEDS = { uws: 'uWebSockets.js' };

/** @returns {Promise<string | undefined>} why this machine cannot run a peer */
export async function whyNot(peer) {
  const needed = NEEDS[peer];
  if (needed === undefined) return undefined;
  try {
    await import(needed);
    return undefined;
  } catch {
    return `${needed} cannot be loaded`;
  }
}
