import { Logger } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { Topic } from 'nestjs-fanout';
import { expect, it, onTestFinished, vi } from 'vitest';
import { startApp } from '../../support/app.js';

@WebSocketGateway({ path: '/market' })
class Market {
  @Topic('prices.:symbol')
  @Topic('clock')
  topics(): void {}
}

it('the topics of a gateway and their path are logged at start', async () => {
  const log = vi.spyOn(Logger.prototype, 'log');
  onTestFinished(() => log.mockRestore());
  await startApp({ providers: [Market] });
  const lines = log.mock.calls
    .map(([line]) => String(line))
    .filter(line => line.includes('offers the topic'));
  expect(lines.sort()).toEqual([
    'Market {/market} offers the topic "clock"',
    'Market {/market} offers the topic "prices.:symbol"',
  ]);
});
