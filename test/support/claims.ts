import { type CanActivate, type ExecutionContext, Injectable, UnauthorizedException } from '@nestjs/common';

/** What a token of these tests says. */
export interface Claims {
  readonly id?: number;
  /** The topics that it is good for. */
  readonly may?: readonly string[];
  /** Left on the request. */
  readonly expiresAt?: unknown;
  /** Left on the user. */
  readonly userExpiresAt?: unknown;
}

export function tokenOf(claims: Claims): string {
  return Buffer.from(JSON.stringify(claims)).toString('base64url');
}

/** Believes every token. */
@Injectable()
export class ClaimsGuard implements CanActivate {
  readonly requests: any[] = [];
  /** What it waits for, if a test wants that. */
  wait: Promise<unknown> | undefined;

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest();
    this.requests.push(request);
    await this.wait;
    const [type, token] = request.headers.authorization?.split(' ') ?? [];
    if (type !== 'Bearer' || token === 'bad') throw new UnauthorizedException();
    if (token === 'forbidden') return false;
    if (token === 'broken') throw new Error('broken');
    const {
      id = 1,
      may = [],
      expiresAt,
      userExpiresAt,
    }: Claims = JSON.parse(String(Buffer.from(token, 'base64url')));
    request.user = { id, may, expiresAt: userExpiresAt };
    // JSON knows no dates.
    request.expiresAt = typeof expiresAt === 'string' ? new Date(expiresAt) : expiresAt;
    return true;
  }
}
