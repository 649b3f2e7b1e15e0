import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A TCP proxy with faults that a network has. Closed when the test ends. */
export interface FailingLink {
  /** The URL of the proxy, with the scheme of the server's. */
  readonly url: string;
  /** Connections accepted so far. */
  accepted(): number;
  /** Drops every byte of the connections that are there, both ways, and keeps them open: a link that is half open. */
  silence(): void;
  /** Ends the connections that are there without a close frame. */
  cut(): void;
  /** Accepts new connections and never answers them: a black hole. */
  swallow(): void;
  /** Passes new connections on to the server. The proxy begins in this way. */
  pass(): void;
}

/** Starts a proxy in front of a server. */
export async function failingLink(server: string): Promise<FailingLink> {
  const { protocol, port } = new URL(server);
  const sockets = new Set<Socket>();
  let accepted = 0;
  let passes = true;
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  };
  const cut = (): void => sockets.forEach(socket => socket.destroy());

  const proxy = createServer(client => {
    accepted++;
    keep(client);
    if (!passes) return;
    const upstream = keep(connect(Number(port), '127.0.0.1'));
    client.pipe(upstream).pipe(client);
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  onTestFinished(() => {
    cut();
    proxy.close();
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `${protocol}//127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    accepted: () => accepted,
    silence: () => sockets.forEach(socket => socket.unpipe().resume()),
    cut,
    swallow: () => (passes = false),
    pass: () => (passes = true),
  };
}
