import {
  Body,
  type CanActivate,
  Controller,
  type ExecutionContext,
  ForbiddenException,
  Injectable,
  Post,
  SetMetadata,
  UnauthorizedException,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { GqlExecutionContext } from '@nestjs/graphql';
import { JwtService } from '@nestjs/jwt';
import { Connections } from 'nestjs-fanout';

const PUBLIC = 'public';
const ROLE = 'role';

/** Lets everybody use a route, a gateway or one of its methods. */
export const Public = () => SetMetadata(PUBLIC, true);

/** Allows a route to users of one role. */
export const Role = (role: string) => SetMetadata(ROLE, role);

/** The content of a token. */
export interface User {
  readonly sub: string;
  readonly role?: string;
}

/**
 * The only guard of the application: an APP_GUARD for HTTP routes, resolvers, messages of gateways and of the
 * microservice, and the handshake guard of the gateways.
 */
@Injectable()
export class JwtGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly jwt: JwtService,
    private readonly connections: Connections,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    if (this.reflector.getAllAndOverride<boolean | undefined>(PUBLIC, targets)) return true;
    const user = await this.userOf(context);
    if (user === undefined) throw new UnauthorizedException();
    const role = this.reflector.getAllAndOverride<string | undefined>(ROLE, targets);
    if (role !== undefined && user.role !== role) throw new ForbiddenException();
    return true;
  }

  private async userOf(context: ExecutionContext): Promise<User | undefined> {
    switch (context.getType<'http' | 'graphql' | 'ws' | 'rpc'>()) {
      case 'ws':
        return this.connections.of(context.switchToWs().getClient())?.user;
      case 'rpc':
        return this.verify(context.switchToRpc().getData().token);
      case 'graphql':
        return this.authenticate(GqlExecutionContext.create(context).getContext().req);
      default:
        return this.authenticate(context.switchToHttp().getRequest());
    }
  }

  private async authenticate(request: any): Promise<User | undefined> {
    const [, token] = request.headers?.authorization?.split(' ') ?? [];
    request.user = await this.verify(token);
    return request.user;
  }

  private async verify(token: string | undefined): Promise<User | undefined> {
    if (token === undefined) return undefined;
    return this.jwt.verifyAsync<User>(token).catch(() => undefined);
  }
}

@Controller()
export class LoginController {
  constructor(private readonly jwt: JwtService) {}

  @Public()
  @Post('login')
  async login(@Body() user: User): Promise<{ token: string }> {
    return { token: await this.jwt.signAsync(user) };
  }
}
