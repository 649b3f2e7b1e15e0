// Starts the application with its neighbours and checks each of them, then how it ends. Prints one line for each check;
// the exit code is 1 when one has failed.
//
//   node main.js <text in front of every line> <express|fastify>
import { App } from './app.js';
import { checkClose, checkSignal } from './closing.js';
import { checkContexts } from './context.js';
import { checkGateways } from './gateways.js';
import { checkHttp, HttpClient } from './http.js';
import { checkKeepAlives } from './keep-alives.js';
import { checkNeighbours } from './neighbours.js';
import { Report } from './report.js';

const [, , name = 'neighbours', platform = 'express'] = process.argv;
const report = new Report(name);

const app = await App.start(platform);
const ann = await HttpClient.login(app, 'ann');
const bob = await HttpClient.login(app, 'bob', 'trader');
await checkHttp(report, app, ann);
await checkNeighbours(report, app, ann);
await checkGateways(report, app, ann, bob);
await checkContexts(report, app, ann);
await checkKeepAlives(report, app);
await checkClose(report, app, ann);
if (report.failed > 0) console.log(`       output of the application:\n${app.output}`);
await checkSignal(report, await App.start(platform));
// Sockets of failed checks must not keep this process.
process.exit();
