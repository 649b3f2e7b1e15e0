import { WsException } from '@nestjs/websockets';

/**
 * Refusal by a guard that returned false. A filter for `WsException` catches this refusal, as under Nest's own
 * gateways.
 */
export class GuardRefusal extends WsException {
  constructor() {
    super('Forbidden resource');
  }
}
