import type { Bar, Quote } from './instrument.js';
import type { StatusReport } from './server-status.js';

// What is published where. From here on the compiler checks every publish().
declare module 'nestjs-fanout' {
  interface Topics {
    'prices.:symbol': Quote;
    'bars.:symbol': Bar;
    status: StatusReport;
  }
}
