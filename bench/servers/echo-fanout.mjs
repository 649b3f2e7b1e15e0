// What is measured: all defaults, but for the limit of messages a second, which is what a flood is stopped by.
// FANOUT_LIMITER=high leaves the limiter in place, with a limit that nobody reaches.
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FanoutModule } from 'nestjs-fanout';
import { answerOnly } from './answer-only.mjs';
import { EchoGateway } from './echo-gateway.mjs';

class EchoModule {}
const messagesPerSecond = process.env.FANOUT_LIMITER === 'high' ? 1_000_000 : 0;
Module({ imports: [FanoutModule.forRoot({ limits: { messagesPerSecond } })], providers: [EchoGateway] })(
  EchoModule,
);

const app = await NestFactory.create(EchoModule, { logger: false, abortOnError: false });
await app.listen(0, '127.0.0.1');
answerOnly(app.getHttpServer().address().port);
