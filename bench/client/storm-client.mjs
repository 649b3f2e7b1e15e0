// The client process of the subscribe shape.
import { answerWith } from './requests.mjs';
import { StormConnection } from './storm-connection.mjs';

answerWith((port, tally, hooks, { dialect }) => new StormConnection(port, tally, hooks, dialect));
