// Peer: the same gateway under Nest's own WsAdapter.
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { answerOnly } from './answer-only.mjs';
import { EchoGateway } from './echo-gateway.mjs';

class EchoModule {}
Module({ providers: [EchoGateway] })(EchoModule);

const app = await NestFactory.create(EchoModule, { logger: false, abortOnError: false });
app.useWebSocketAdapter(new WsAdapter(app));
await app.listen(0, '127.0.0.1');
answerOnly(app.getHttpServer().address().port);
