// The gateway of the echo shape, the same class for this library and for Nest's own adapter.
import 'reflect-metadata';
import { applyDecorators, Injectable, UseGuards } from '@nestjs/common';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { ECHO_PATH } from '../echo-message.mjs';
import { decorateMethod } from './decorate.mjs';

/** A guard as most are: it reads something of the client and says yes. */
class ClientGuard {
  canActivate(context) {
    return context.switchToWs().getClient().readyState === 1;
  }
}
Injectable()(ClientGuard);

/** A pipe as most are: it looks at each property, and makes a new object. */
class OrderPipe {
  transform(value) {
    if (typeof value?.symbol !== 'string' || !Number.isInteger(value.quantity))
      throw new Error('not an order');
    return { ...value };
  }
}
Injectable()(OrderPipe);

export class EchoGateway {
  echo(data) {
    return { event: 'echo', data };
  }

  guarded(data) {
    return { event: 'guarded', data };
  }
}

decorateMethod(EchoGateway, 'echo', { decorator: SubscribeMessage('echo'), parameters: [MessageBody()] });
decorateMethod(EchoGateway, 'guarded', {
  decorator: applyDecorators(UseGuards(ClientGuard), SubscribeMessage('guarded')),
  parameters: [MessageBody(OrderPipe)],
});
WebSocketGateway({ path: ECHO_PATH })(EchoGateway);
