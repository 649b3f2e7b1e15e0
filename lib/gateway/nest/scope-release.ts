import type { InstanceWrapper } from './private-api.js';

/**
 * Removes enhancers from Nest's list of a gateway's enhancers. A scoped enhancer gives the gateway its scope, as everywhere in
 * Nest. The list would also build the enhancers once more for each connection, with the socket as their request.
 */
export function releaseEnhancers(wrapper: InstanceWrapper, enhancers: readonly unknown[]): void {
  // Keeps the result that Nest had with the enhancers. Nest computes it again from time to time, and without them would take
  // a scoped gateway for a static one.
  const isStatic = wrapper.isDependencyTreeStatic();
  Object.defineProperty(wrapper, 'isDependencyTreeStatic', { value: () => isStatic });
  const noted = wrapper.getEnhancersMetadata() ?? [];
  for (const enhancer of enhancers) {
    const at = noted.findIndex(({ token }) => token === enhancer);
    if (at >= 0) noted.splice(at, 1);
  }
}
