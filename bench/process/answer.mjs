/**
 * The child's side: answers the runner's calls with the functions of `handlers`, by name.
 *
 * @param {Record<string, (args: any) => unknown>} handlers
 */
export function answer(handlers) {
  process.on('message', async ({ id, method, args }) => {
    try {
      process.send({ id, result: await handlers[method](args) });
    } catch (error) {
      process.send({ id, error: String(error?.stack ?? error) });
    }
  });

  // Ctrl-C goes to the whole process group. The runner decides how to end, and if it is killed the channel closes.
  process.on('SIGINT', () => {});
  process.on('disconnect', () => process.exit(0));
}

/** CPU time of this process and when it was read, both in microseconds. Two of these make a share and a cost. */
export function usage(nowUs) {
  const { user, system } = process.cpuUsage();
  return { at: nowUs(), cpu: user + system, user, system };
}
