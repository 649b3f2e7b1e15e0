import { describe, expect, it } from 'vitest';
import { PostponedDrains } from '../../../../lib/gateway/server/postponed-drains.js';

/** Modules of an application with these instances. */
const modules = (...instances: unknown[]): never =>
  new Map(instances.map((instance, at) => [String(at), { instance }])) as never;

describe('PostponedDrains', () => {
  class GraphQLModule {
    readonly steps: string[] = [];

    onModuleDestroy(): void {
      this.steps.push('drained');
    }
  }

  it('delays the drain of GraphQL until it is asked to run it, once', async () => {
    class Derived extends GraphQLModule {}
    const graph = new Derived();
    const drains = new PostponedDrains();
    drains.take(modules(graph, undefined, {}));
    graph.onModuleDestroy();
    expect(graph.steps).toEqual([]);
    await drains.run();
    await drains.run();
    expect(graph.steps).toEqual(['drained']);
  });

  it('leaves the hooks of other modules', () => {
    let destroyed = 0;
    class CatsModule {
      onModuleDestroy(): void {
        destroyed++;
      }
    }
    const cats = new CatsModule();
    new PostponedDrains().take(modules(cats));
    cats.onModuleDestroy();
    expect(destroyed).toBe(1);
  });

  it('rejects with the error of a drain', async () => {
    class Broken extends GraphQLModule {
      override onModuleDestroy(): never {
        throw new Error('broken');
      }
    }
    const drains = new PostponedDrains();
    drains.take(modules(new Broken()));
    await expect(drains.run()).rejects.toThrow('broken');
  });
});
