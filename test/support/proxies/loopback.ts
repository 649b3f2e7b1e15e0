import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** An address and a port of this machine. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/**
 * A free port of a random loopback address. Nobody else uses that address, so the port is still free when a program takes
 * it. A port of 127.0.0.1 could meanwhile be taken by any outgoing connection.
 */
export async function freePlace(): Promise<Place> {
  const byte = (): number => 1 + Math.floor(Math.random() * 254);
  const host = `127.${byte()}.${byte()}.${byte()}`;
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return { host, port };
}

/** `host:port` */
export function textOf({ host, port }: Place): string {
  return `${host}:${port}`;
}
