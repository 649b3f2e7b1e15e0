import { kilobytes, percent, thousands } from '../format.mjs';

/** The columns of a delivery shape's table, after the peer, the ratio and the figure. */
export const DELIVERY_COLUMNS = [
  ['user', row => row.userPerDelivery.toFixed(3)],
  ['system', row => row.systemPerDelivery.toFixed(3)],
  ['deliveries/s', row => thousands(row.deliveriesPerSecond)],
  ['per CPU s', row => thousands(row.deliveriesPerCpuSecond)],
  ['p50 ms', row => row.p50.toFixed(1)],
  ['p99', row => row.p99.toFixed(1)],
  ['p99.9', row => row.p999.toFixed(1)],
  ['block ms', row => row.longestBlockMs?.toFixed(0)],
  ['server', row => percent(row.serverShare)],
  ['kernel', row => percent(row.kernelShare)],
  ['GC', row => percent(row.gcShare, 1)],
  ['client', row => percent(row.clientShare)],
  ['writes/conn', row => row.writesPerConnection?.toFixed(2)],
  ['encodes/pub', row => row.encodesPerPublication?.toFixed(0)],
  ['bytes', row => row.bytesPerDelivery.toFixed(0)],
  ['heap/conn', row => kilobytes(row.heapPerConnection)],
  ['RSS/conn', row => kilobytes(row.rssPerConnection)],
  ['lost', row => String(row.lost)],
  ['wrong', row => String(row.wrong)],
];

/** What delivery shapes are compared by. */
export const CPU_A_DELIVERY = {
  name: 'usPerDelivery',
  better: 'lower',
  label: 'µs CPU/delivery',
  digits: 3,
};

/** The part of this time that is the program's own. */
export const USER_A_DELIVERY = { name: 'userPerDelivery', better: 'lower' };

/** The target that is no matter of speed: whatever a flush holds, it is one system call for a connection. */
export const ONE_WRITE = {
  case: /./,
  name: 'socket writes a connection and flush',
  value: row => row.writesPerConnection,
  exactly: 1,
  gate: 1,
};
