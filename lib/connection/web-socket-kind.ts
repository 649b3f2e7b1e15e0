import type { WebSocket } from 'ws';
import { messageFrame, pingFrame } from '../wire/frame.js';
import type { TransportKind } from './transport.js';

/** WebSockets of `ws`. Frames go past `ws`, to the TCP socket below it. */
export const webSocketKind: TransportKind = {
  message: messageFrame,
  ping: pingFrame,
  webSocketOf: transport => transport as WebSocket,
};
