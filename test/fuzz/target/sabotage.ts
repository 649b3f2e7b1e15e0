import type { IncomingMessage, Server } from 'node:http';

/** Beginnings of the paths of gateways. */
const PATHS = ['/ticks', '/rooms', '/late', '/guarded', '/large'];

/** Ways to break the server, each of which the judge must see: a fuzzer that finds nothing may be blind. */
const SABOTAGES: Readonly<Record<string, (server: Server) => void>> = {
  none() {},

  /** Who resets a connection ends the process. */
  deaf(server) {
    beforeUpgrades(server, ({ socket }) => setImmediate(() => socket.removeAllListeners('error')));
  },

  rejecting(server) {
    beforeUpgrades(server, ({ url }) => {
      if (url?.includes('room')) void Promise.reject(new Error('nobody catches this'));
    });
  },

  hoarding(server) {
    const kept: unknown[] = [];
    beforeUpgrades(server, () => kept.push(Array.from({ length: 20_000 }, (_, i) => ({ i }))));
  },

  listening(server) {
    server.setMaxListeners(0);
    beforeUpgrades(server, () => server.on('checkContinue', () => {}));
  },

  /** An upgrade to a path without a gateway is answered by nobody. */
  silent(server) {
    const emit = server.emit.bind(server) as (...args: unknown[]) => boolean;
    const isKnown = (url: string): boolean => PATHS.some(path => url.startsWith(path));
    server.emit = (event: string, ...args: any[]): boolean =>
      event === 'upgrade' && !isKnown(args[0].url) ? true : emit(event, ...args);
  },

  /** One write in a hundred does not arrive. */
  lossy(server) {
    let writes = 0;
    beforeUpgrades(server, ({ socket }) => {
      const { write } = socket;
      const lossy = (...args: [never]): boolean => (++writes % 100 === 0 ? true : write.apply(socket, args));
      socket.write = lossy as typeof socket.write;
    });
  },
};

export function sabotage(name: string, server: Server): void {
  SABOTAGES[name]!(server);
}

/** Not a listener: beside another one, the router would leave unknown paths to it. */
function beforeUpgrades(server: Server, act: (request: IncomingMessage) => void): void {
  const emit = server.emit.bind(server) as (...args: unknown[]) => boolean;
  server.emit = (event: string, ...args: any[]): boolean => {
    if (event === 'upgrade') act(args[0]);
    return emit(event, ...args);
  };
}
