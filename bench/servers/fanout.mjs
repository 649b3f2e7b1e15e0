// What is measured: every default, so with its heartbeat, limits and slow-consumer watch too. The peers have nothing of that.
import { serveFanout } from './fanout-app.mjs';

await serveFanout();
