/**
 * What every shape tells of one measured load. Times of the server in microseconds, of messages in milliseconds.
 *
 * @param {Awaited<ReturnType<typeof import('./start.mjs').measure>>} result
 */
export function figures({ published, arrived, server, client, perFlush, tookUs }, connections) {
  const deliveries = published.messages * connections;
  return {
    connections,
    publications: published.messages,
    turns: published.turns,
    lateTurns: published.late,
    perFlush,
    deliveries,
    seconds: tookUs / 1e6,
    deliveriesPerSecond: deliveries / (tookUs / 1e6),
    usPerDelivery: server.cpu / deliveries,
    kernelShare: server.kernel,
    serverShare: server.share,
    clientShare: client.share,
    p50: arrived.p50,
    p99: arrived.p99,
    max: arrived.max,
    lost: arrived.lost,
    wrong: arrived.repeated + arrived.malformed + arrived.unequalBytes,
    failures: arrived.failures,
    firstFailure: arrived.firstFailure,
  };
}
