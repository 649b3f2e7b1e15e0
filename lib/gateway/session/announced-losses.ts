import { reachOf } from '../../topic/topic.js';
import type { Subscription } from '../../topic/subscription.js';
import { gapText } from '../../wire/gap-frame.js';
import type { ClientConnection } from './client-session.js';

/** The client subscribes anew while a snapshot for what it lost is in the making: the one in the answer stands for that. */
export function announceLoss(connection: ClientConnection, subscription: Subscription): void {
  const { lostFrom, cursor, topic } = subscription;
  if (lostFrom === 0) return;
  subscription.lossTold();
  connection.sendText(gapText(topic.name, topic.log.epoch, lostFrom, cursor, 'slow'));
}

/** The method took so long that the log could not wait: the client must know, its snapshot is older than what follows. */
export function announceGap(connection: ClientConnection, subscription: Subscription): void {
  const { name, log } = subscription.topic;
  const from = subscription.cursor + 1;
  const to = reachOf(subscription.topic);
  if (from > to) return;
  subscription.advance(to);
  connection.sendText(gapText(name, log.epoch, from, to, 'slow'));
}
