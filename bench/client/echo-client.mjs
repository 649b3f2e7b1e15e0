// The client process of the echo shape: keeps messages in flight on every connection and checks each reply.
import { EchoConnection } from './echo-connection.mjs';
import { answerWith } from './requests.mjs';

answerWith((port, tally, hooks) => new EchoConnection(port, tally, hooks));
