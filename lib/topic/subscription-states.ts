/**
 * State of a subscription. One at a time:
 *
 * - `held`: the client waits for the answer to its subscribe. The log keeps later publications.
 * - `live`: every flush hands over the new publications.
 * - `behind`: the socket had no room at a flush. The log serves the subscription, piece by piece.
 * - `returning`: the client was away and gets the missed publications from the log.
 * - `waiting`: the client was away, and its connection waits for a turn to get the missed publications.
 * - `renewing`: publications were lost, and the topic's method makes a new snapshot.
 * - `ended`: the subscription is over, and no other state follows.
 */
export type SubscriptionState = 'held' | 'live' | 'behind' | 'returning' | 'waiting' | 'renewing' | 'ended';

/** State of a new subscription. */
export const FIRST_STATE: SubscriptionState = 'held';

/**
 * Allowed transitions: for each state, the states that may follow. The diagram in `docs/life-of-a-message.md` shows the same
 * transitions with their causes, and a test compares the two.
 */
export const TRANSITIONS: Readonly<Record<SubscriptionState, readonly SubscriptionState[]>> = {
  held: ['live', 'returning', 'ended'],
  live: ['behind', 'returning', 'ended'],
  behind: ['live', 'held', 'renewing', 'ended'],
  returning: ['live', 'waiting', 'held', 'renewing', 'ended'],
  waiting: ['returning', 'held', 'ended'],
  renewing: ['live', 'returning', 'ended'],
  ended: [],
};
