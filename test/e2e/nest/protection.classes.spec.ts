import {
  type CanActivate,
  Injectable,
  type PipeTransform,
  Scope,
  SetMetadata,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Topic, UseHandshakeGuards } from 'nestjs-fanout';
import { EMPTY } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { type AppSetup, startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';

@Injectable()
class Deny implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

class Pipe implements PipeTransform {
  transform(value: unknown): unknown {
    return value;
  }
}

type Class = new (...args: any[]) => object;

/** What class decorators return that do not extend the class. */
const REPLACEMENTS: Record<string, (original: any) => any> = {
  'a proxy': original => new Proxy(original, {}),
  'a function with its prototype': original => {
    const replacement = function () {
      return new original();
    };
    replacement.prototype = original.prototype;
    return replacement;
  },
  'a class whose prototype was put below its own': original => {
    class Other {}
    class Replacement extends Other {}
    Object.setPrototypeOf(Replacement.prototype, original.prototype);
    return Replacement;
  },
};

/** What the first class may have said. */
const DECORATED: Record<string, () => Class> = {
  'handshake guards': () => {
    @UseHandshakeGuards(Deny)
    class Written {}
    return Written;
  },
  'class guards': () => {
    @UseGuards(Deny)
    class Written {}
    return Written;
  },
  'class pipes': () => {
    @UsePipes(new Pipe())
    class Written {}
    return Written;
  },
  'class interceptors': () => {
    @UseInterceptors({ intercept: () => EMPTY })
    class Written {}
    return Written;
  },
  'class filters': () => {
    @UseFilters({ catch() {} })
    class Written {}
    return Written;
  },
  'pipes of parameters': () => {
    class Written {
      @SubscribeMessage('x')
      x(@MessageBody(new Pipe()) body: unknown): unknown {
        return body;
      }
    }
    return Written;
  },
  topics: () => {
    class Written {
      @Topic('t')
      t(): void {}
    }
    return Written;
  },
  'metadata that a guard may read': () => {
    @SetMetadata('roles', ['admin'])
    class Written {}
    return Written;
  },
  'options of the gateway': () => {
    @WebSocketGateway({ verifyClient: () => false } as object)
    class Written {}
    return Written;
  },
};

/** The code of an application that does not start. */
function failure(setup: AppSetup): Promise<unknown> {
  return startApp(setup).then(
    () => 'it started',
    error => error.code ?? error,
  );
}

async function codes(metatype: Class): Promise<unknown[]> {
  const { url } = await startApp({ providers: [metatype] });
  const client = await Client.connect(url);
  return [(await client.request('x')).data?.code, (await client.subscribe('t')).data?.code];
}

describe.each(Object.entries(REPLACEMENTS))('a gateway class replaced by %s', (_, replace) => {
  it.each(Object.entries(DECORATED))('does not start without its %s', async (__, written) => {
    const metatype = replace(written());
    WebSocketGateway()(metatype);
    expect(await failure({ providers: [metatype] })).toBe('FANOUT_CLASS_REPLACED');
  });

  it('starts where nothing is lost', async () => {
    class Written {
      @UseGuards(Deny)
      @SubscribeMessage('x')
      x(): void {}
    }
    const metatype = replace(Written);
    WebSocketGateway()(metatype);
    expect(await codes(metatype)).toEqual(['FORBIDDEN', 'UNKNOWN_TOPIC']);
  });
});

it('a gateway class replaced by a class that extends it keeps its guards', async () => {
  const Extended = (original: any): any => class extends original {};
  @WebSocketGateway()
  @Extended
  @UseGuards(Deny)
  class Written {
    @SubscribeMessage('x')
    x(): void {}

    @Topic('t')
    t(): void {}
  }
  expect(await codes(Written)).toEqual(['FORBIDDEN', 'FORBIDDEN']);
});

describe('a method replaced below @Topic', () => {
  const Replace = (): MethodDecorator => (_target, _name, descriptor: PropertyDescriptor) => {
    const method = descriptor.value as () => unknown;
    descriptor.value = () => method();
  };

  it.each([
    ['guards', UseGuards(Deny)],
    ['pipes', UsePipes(new Pipe())],
    ['interceptors', UseInterceptors({ intercept: () => EMPTY })],
    ['filters', UseFilters({ catch() {} })],
    ['metadata that a guard may read', SetMetadata('roles', ['admin'])],
  ])('does not start without its %s', async (_, decorate) => {
    @WebSocketGateway()
    class Replaced {
      @Topic('t')
      @Replace()
      @decorate
      t(): void {}
    }
    expect(await failure({ providers: [Replaced] })).toBe('FANOUT_ROUTE_REPLACED');
  });

  it('starts with guards that are written again above', async () => {
    @WebSocketGateway()
    class Again {
      @UseGuards(Deny)
      @Topic('t')
      @Replace()
      @UseGuards(Deny)
      t(): void {}
    }
    expect(await codes(Again)).toEqual(['UNKNOWN_EVENT', 'FORBIDDEN']);
  });
});

it('a function that the constructor of a request-scoped gateway decorates and puts in place is asked its guards', async () => {
  @Injectable({ scope: Scope.REQUEST })
  @WebSocketGateway()
  class Scoped {
    constructor() {
      const open = (): string => 'open';
      UseGuards(Deny)(this, 'x', { value: open });
      this.x = open;
      this.t = open;
    }

    @SubscribeMessage('x')
    x(): unknown {
      return 'written';
    }

    @Topic('t')
    t(): unknown {
      return 'written';
    }

    @UseGuards(Deny)
    @SubscribeMessage('other')
    other(): void {}
  }
  expect(await codes(Scoped)).toEqual(['FORBIDDEN', 'FORBIDDEN']);
});

it.each([
  ['request', Scope.REQUEST],
  ['transient', Scope.TRANSIENT],
])('a gateway made by a factory of %s scope does not start', async (_, scope) => {
  @WebSocketGateway()
  class Open {}
  @WebSocketGateway()
  @UseHandshakeGuards(Deny)
  class Made {}
  const factory = { provide: Made, useFactory: () => new Made(), scope };
  expect(await failure({ providers: [Open, factory] })).toBe('FANOUT_GATEWAY_PROVIDER');
});

describe('a method that is overridden with other parameters', () => {
  class Refuse implements PipeTransform {
    transform(): never {
      throw new Error('refused');
    }
  }

  class Base {
    @SubscribeMessage('x')
    x(@MessageBody(new Refuse()) body: unknown, _socket?: unknown): unknown {
      return body;
    }
  }

  it.each([
    ['without guards', []],
    ['with guards', [{ canActivate: () => true }]],
  ])('gets what its own decorators say, %s', async (_, guards) => {
    @WebSocketGateway()
    @UseGuards(...guards)
    class Overriding extends Base {
      @SubscribeMessage('x')
      override x(@ConnectedSocket() socket: { readyState: number }, @MessageBody() body: unknown): unknown {
        return { event: 'x', data: [socket.readyState, body] };
      }
    }
    const { url } = await startApp({ providers: [Overriding] });
    const client = await Client.connect(url);
    expect((await client.request('x', 'body')).data).toEqual([1, 'body']);
  });
});
