import { Injectable, Logger, Scope } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { Topic, UseHandshakeGuards } from 'nestjs-fanout';
import { expect, it, onTestFinished, vi } from 'vitest';
import { startApp } from '../../support/app.js';

@Injectable({ scope: Scope.REQUEST })
class Admit {
  canActivate(): boolean {
    return true;
  }
}

@UseHandshakeGuards(Admit)
@WebSocketGateway({ path: '/market' })
class Market {
  @Topic('clock')
  clock(): void {}
}

it('each private part of Nest, ws and Node is there on this version', async () => {
  const warn = vi.spyOn(Logger.prototype, 'warn');
  onTestFinished(() => warn.mockRestore());
  await startApp({ providers: [Market] });
  const lines = warn.mock.calls.map(([line]) => String(line));
  expect(lines.filter(line => line.startsWith('Cannot use'))).toEqual([]);
});
