import type { FanoutOptions } from '../../../lib/index.js';

/** Limits as in production, but deadlines that pass within a run, and addresses that a proxy tells. */
export const options: FanoutOptions = {
  compression: { threshold: 64 },
  heartbeat: { interval: 1000, timeout: 5000 },
  slowConsumer: { grace: 2000 },
  limits: {
    handshake: 200,
    messageTime: 1000,
    connectionsPerIp: 60,
    connectionsPerUser: 50,
    topics: 5000,
    topicsPerConnection: 32,
    unreadyBytes: 2 ** 20,
    // The machine of the run may be slow; that is not what is tested.
    loopDelay: 5000,
  },
  trustProxy: 1,
};
