import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { type MicroserviceOptions, Transport } from '@nestjs/microservices';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import helmet from 'helmet';
import { ClsMiddleware } from 'nestjs-cls';
import { AppModule } from './app.module.js';

const adapter = process.env.PLATFORM === 'fastify' ? new FastifyAdapter() : new ExpressAdapter();
const app = await NestFactory.create(AppModule, adapter, { logger: ['warn', 'error'] });
app.setGlobalPrefix('api');
app.use(helmet());
app.use(new ClsMiddleware({ generateId: true }).use);
SwaggerModule.setup(
  'docs',
  app,
  SwaggerModule.createDocument(app, new DocumentBuilder().setTitle('Neighbours').addBearerAuth().build()),
  { useGlobalPrefix: true },
);
const microservice = app.connectMicroservice<MicroserviceOptions>(
  { transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } },
  { inheritAppConfig: true },
);
app.enableShutdownHooks();
await app.startAllMicroservices();
await app.listen(0, '127.0.0.1');

// The checks ask for the end by a message or a signal; from then on nothing of this file keeps the process.
process.once('disconnect', endWithChecks);
process.once('message', () => {
  process.off('disconnect', endWithChecks);
  const start = performance.now();
  void app.close().then(() => {
    process.send?.({ closedMs: performance.now() - start });
    process.disconnect?.();
  });
});
process.send?.({
  http: (app.getHttpServer().address() as AddressInfo).port,
  rpc: (microservice.unwrap<import('node:net').Server>().address() as AddressInfo).port,
  own: Number(process.env.OWN_PORT),
});

/** Ends a process whose checks were killed. */
function endWithChecks(): void {
  process.exit(1);
}
