// The gateway of the echo shape, the same class for this library and for Nest's own adapter. Decorators are called by
// hand, as TypeScript would emit them: the benchmark is plain JavaScript and has no build of its own.
import 'reflect-metadata';
import { Injectable, UseGuards } from '@nestjs/common';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { ECHO_PATH } from '../echo-message.mjs';

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

decorate('echo', [SubscribeMessage('echo')], [MessageBody()]);
decorate('guarded', [UseGuards(ClientGuard), SubscribeMessage('guarded')], [MessageBody(OrderPipe)]);
WebSocketGateway({ path: ECHO_PATH })(EchoGateway);

function decorate(name, methodDecorators, parameterDecorators) {
  const { prototype } = EchoGateway;
  Reflect.defineMetadata('design:paramtypes', [Object], prototype, name);
  parameterDecorators.forEach((decorator, index) => decorator(prototype, name, index));
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
  for (const decorator of methodDecorators) decorator(prototype, name, descriptor);
}
