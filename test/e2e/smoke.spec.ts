import 'reflect-metadata';
import { Injectable, Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { interval, type Observable } from 'rxjs';
import { WebSocket } from 'ws';
import { afterEach, expect, it } from 'vitest';
import { Broadcaster, Connection, Connections, CurrentConnection, FanoutModule, HeartbeatGuard, Topic, TopicParam, BufferPool } from 'nestjs-fanout';

@WebSocketGateway({ path: '/market' })
@UseGuards(HeartbeatGuard)
class Market {
  @Topic('prices.:symbol', { history: 10 })
  join(@TopicParam('symbol') symbol: string, @CurrentConnection() connection: Connection) {
    return { symbol, id: connection.id };
  }
  @Topic('clock') clock(): Observable<number> { return interval(20); }
  @SubscribeMessage('echo') echo(@MessageBody() data: unknown, @ConnectedSocket() s: WebSocket) { return { event: 'echo', data, open: s.readyState }; }
}
@Module({ imports: [FanoutModule.forRoot()], providers: [Market] })
class App {}

it('works', async () => {
  const app = await NestFactory.create(App, { logger: ['error', 'warn'] });
  await app.listen(0);
  const port = (app.getHttpServer().address() as any).port;
  const ws = new WebSocket(`ws://127.0.0.1:${port}/market`);
  const got: any[] = [];
  ws.on('message', d => got.push(JSON.parse(String(d))));
  await new Promise(r => ws.on('open', r));
  ws.send('{"event":"echo","id":1,"data":{"a":1}}');
  ws.send('{"event":"subscribe","id":2,"data":{"topic":"prices.AAPL"}}');
  ws.send('{"event":"subscribe","id":3,"data":{"topic":"clock"}}');
  ws.send('{"event":"nope","id":4}');
  ws.send('{bad');
  await new Promise(r => setTimeout(r, 200));
  const b = app.get(Broadcaster);
  console.log(b.publish('prices.AAPL', { p: 1 }), b.publish('prices.AAPL', { p: 2 }), app.get(Connections).size);
  await b.flush();
  await new Promise(r => setTimeout(r, 100));
  console.log(got.map(g => JSON.stringify(g)).join('\n'), app.get(BufferPool).stats());
  const closed = new Promise(r => ws.on('close', (c, x) => r([c, String(x)])));
  await app.close();
  console.log(await closed);
});
