import {
  type CanActivate,
  type ExecutionContext,
  Injectable,
  Module,
  UnauthorizedException,
} from '@nestjs/common';
import { JwtModule, JwtService } from '@nestjs/jwt';
import { AuthGuard, PassportModule, PassportStrategy } from '@nestjs/passport';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { CLOSE, type Connection, Connections, CurrentConnection, UseHandshakeGuards } from 'nestjs-fanout';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { describe, expect, it } from 'vitest';
import { startApp, type RunningApp } from '../../support/app.js';
import { Client } from '../../support/client.js';
import { upgrade } from '../../support/upgrade.js';

const SECRET = 'a secret of this test alone';

/** As the documentation of `@nestjs/passport` has it. */
@Injectable()
class JwtStrategy extends PassportStrategy(Strategy) {
  constructor() {
    super({ jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(), secretOrKey: SECRET });
  }

  validate(payload: { sub: string; username: string }) {
    return { id: payload.sub, username: payload.username };
  }
}

@WebSocketGateway({ path: '/market' })
@UseHandshakeGuards(AuthGuard('jwt'))
class PassportGateway {
  @SubscribeMessage('who')
  who(@CurrentConnection() { user }: Connection) {
    return { event: 'who', data: user };
  }
}

/** As the documentation of Nest has it, under "Authentication". */
@Injectable()
class DocumentedGuard implements CanActivate {
  constructor(private readonly jwtService: JwtService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest();
    const [type, token] = request.headers.authorization?.split(' ') ?? [];
    if (type !== 'Bearer' || !token) throw new UnauthorizedException();
    try {
      request['user'] = await this.jwtService.verifyAsync(token, { secret: SECRET });
    } catch {
      throw new UnauthorizedException();
    }
    return true;
  }
}

@WebSocketGateway({ path: '/market' })
@UseHandshakeGuards(DocumentedGuard)
class JwtGateway {
  @SubscribeMessage('who')
  who(@CurrentConnection() { user }: Connection) {
    return { event: 'who', data: { id: user.sub, username: user.username } };
  }
}

@Module({ imports: [PassportModule], providers: [JwtStrategy, PassportGateway] })
class PassportFeature {}

@Module({ imports: [JwtModule.register({ secret: SECRET })], providers: [JwtGateway] })
class JwtFeature {}

const tokens = new JwtService({ secret: SECRET });
const ADA = { sub: '7', username: 'ada' };
const WHO = { id: '7', username: 'ada' };

describe.each([
  ["AuthGuard('jwt') of @nestjs/passport", PassportFeature],
  ['the guard of the documentation, with @nestjs/jwt', JwtFeature],
])('%s', (_, feature) => {
  const start = (platform: 'express' | 'fastify' = 'express'): Promise<RunningApp> =>
    startApp({ imports: [feature], platform });

  it.each(['express', 'fastify'] as const)('lets in who has a good token, on %s', async platform => {
    const { url, get } = await start(platform);
    const headers = { authorization: `Bearer ${tokens.sign(ADA)}` };
    const client = await Client.connect(`${url}/market`, [], { headers });
    expect(await client.request('who')).toMatchObject({ event: 'who', data: WHO });
    expect([...get(Connections).ofUser('7')]).toHaveLength(1);
  });

  it.each(['express', 'fastify'] as const)('answers 401 to anybody else, on %s', async platform => {
    const { url, get } = await start(platform);
    const forged = new JwtService({ secret: 'another secret' }).sign(ADA);
    const expired = tokens.sign({ ...ADA, exp: 1 });
    for (const authorization of [
      undefined,
      `Bearer ${forged}`,
      `Bearer ${expired}`,
      'Bearer ',
      'Basic YQ==',
    ]) {
      const answer = await upgrade(`${url}/market`, authorization === undefined ? {} : { authorization });
      expect(answer).toMatchObject({ status: 401 });
      expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
      expect(JSON.parse(answer.body)).toEqual({ statusCode: 401, message: 'Unauthorized' });
    }
    expect(get(Connections).size).toBe(0);
  });

  it('takes the token of a browser from the subprotocol, and does not choose that one', async () => {
    const { url } = await start();
    const protocols = ['fanout.v1.json', `bearer.${tokens.sign(ADA)}`];
    const client = await Client.connect(`${url}/market`, protocols);
    expect(client.socket.protocol).toBe('fanout.v1.json');
    expect(await client.request('who')).toMatchObject({ data: WHO });
    const plain = await Client.connect(`${url}/market`, protocols.toReversed().with(1, 'json'));
    expect(plain.socket.protocol).toBe('json');
  });

  it('takes the token of a browser from the URL', async () => {
    const { url } = await start();
    const client = await Client.connect(`${url}/market?room=1&access_token=${tokens.sign(ADA)}`);
    expect(await client.request('who')).toMatchObject({ data: WHO });
  });

  it('looks at the header first', async () => {
    const { url } = await start();
    const good = tokens.sign(ADA);
    const { status } = await upgrade(`${url}/market?access_token=${good}`, {
      authorization: 'Bearer bad',
      'sec-websocket-protocol': `x, bearer.${good}`,
    });
    expect(status).toBe(401);
  });

  it('closes with a code who offers the subprotocol and cannot read a status', async () => {
    const { url } = await start();
    const client = await Client.connect(`${url}/market`, ['fanout.v1.json', 'bearer.bad']);
    expect(await client.closed).toEqual(CLOSE.UNAUTHORIZED);
  });
});
