/**
 * What every delivery shape tells of one measured load. Times of the server in microseconds, of messages in milliseconds.
 *
 * @param {Awaited<ReturnType<typeof import('./pair.mjs').measure>>} result
 * @param {import('./pair.mjs').Audience} audience
 */
export function figures({ published, arrived, server, client, tookUs }, audience) {
  const { connections, topics, topicsPerConnection } = audience;
  const deliveries = (published.messages / topics) * topicsPerConnection * connections;
  return {
    connections,
    publications: published.messages,
    turns: published.turns,
    lateTurns: published.late,
    // Undefined for the peers, which write in every turn.
    turnsPerFlush: server.flushes > 0 ? published.turns / server.flushes : undefined,
    deliveries,
    seconds: tookUs / 1e6,
    deliveriesPerSecond: deliveries / (tookUs / 1e6),
    deliveriesPerCpuSecond: deliveries / (server.cpu / 1e6),
    usPerDelivery: server.cpu / deliveries,
    userPerDelivery: (server.cpu * (1 - server.kernel)) / deliveries,
    systemPerDelivery: (server.cpu * server.kernel) / deliveries,
    kernelShare: server.kernel,
    serverShare: server.share,
    clientShare: client.share,
    gcShare: server.gcShare,
    p50: arrived.p50,
    p99: arrived.p99,
    p999: arrived.p999,
    max: arrived.max,
    bytesPerDelivery: arrived.wireBytes / deliveries,
    ...faults({ arrived }),
    failures: arrived.failures,
    firstFailure: arrived.firstFailure,
  };
}

/** What must not happen in any load. */
export function faults({ arrived }) {
  return { lost: arrived.lost, wrong: arrived.repeated + arrived.malformed + arrived.unequalBytes };
}
