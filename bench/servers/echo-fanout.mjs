// What is measured: all defaults, but for the limits of messages and bytes a second, which are what a flood is stopped by.
// FANOUT_LIMITER=high leaves the limiters in place, with limits that nobody reaches.
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FanoutModule } from 'nestjs-fanout';
import { answerOnly } from './answer-only.mjs';
import { EchoGateway } from './echo-gateway.mjs';

class EchoModule {}
const high = process.env.FANOUT_LIMITER === 'high';
const limits = { messagesPerSecond: high ? 1_000_000 : 0, bytesPerSecond: high ? 1_000_000_000 : 0 };
Module({ imports: [FanoutModule.forRoot({ limits })], providers: [EchoGateway] })(EchoModule);

const app = await NestFactory.create(EchoModule, { logger: false, abortOnError: false });
await app.listen(0, '127.0.0.1');
answerOnly(app.getHttpServer().address().port);
