import { reachOf } from '../../topic/topic.js';
import type { Subscription } from '../../topic/subscription.js';
import { gapText } from '../../wire/gap-frame.js';
import type { ClientConnection } from './client-session.js';

/**
 * Announces a loss whose new snapshot is still being made. The client has subscribed again, and the snapshot in the
 * answer replaces it.
 */
export function announceLoss(connection: ClientConnection, subscription: Subscription): void {
  const { lostFrom, cursor, topic } = subscription;
  if (lostFrom === 0) return;
  subscription.lossTold();
  connection.sendText(gapText(topic.name, topic.log.epoch, lostFrom, cursor, 'slow'));
}

/**
 * Announces a gap because the log could not keep everything while the method ran. The snapshot is older than the next
 * publication.
 */
export function announceGap(connection: ClientConnection, subscription: Subscription): void {
  const { name, log } = subscription.topic;
  const from = subscription.cursor + 1;
  const to = reachOf(subscription.topic);
  if (from > to) return;
  subscription.advance(to);
  connection.sendText(gapText(name, log.epoch, from, to, 'slow'));
}
