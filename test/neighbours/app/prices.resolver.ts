import { Inject } from '@nestjs/common';
import {
  Args,
  Context,
  Field,
  Float,
  Int,
  Mutation,
  ObjectType,
  Query,
  Resolver,
  Subscription,
} from '@nestjs/graphql';
import { PubSub } from 'graphql-subscriptions';
import { ClsService } from 'nestjs-cls';
import { Prices } from './prices.js';

@ObjectType()
export class Me {
  @Field()
  user!: string;

  @Field()
  cls!: string;

  /** Set by the interceptor. */
  @Field(() => String, { nullable: true })
  stamp?: string;
}

@ObjectType()
export class Quote {
  @Field()
  symbol!: string;

  @Field(() => Float)
  price!: number;
}

@Resolver()
export class PricesResolver {
  constructor(
    private readonly prices: Prices,
    private readonly cls: ClsService,
    @Inject(PubSub) private readonly pubSub: PubSub,
  ) {}

  @Query(() => Me)
  me(@Context('req') request: any): Me {
    return { user: request.user.sub, cls: this.cls.getId() };
  }

  @Mutation(() => Int)
  async setPrice(
    @Args('symbol') symbol: string,
    @Args('price', { type: () => Float }) price: number,
  ): Promise<number> {
    await this.pubSub.publish('quoted', { quoted: { symbol, price } });
    return this.prices.set({ symbol, price, by: 'graphql' });
  }

  @Subscription(() => Quote)
  quoted() {
    return this.pubSub.asyncIterableIterator('quoted');
  }
}
