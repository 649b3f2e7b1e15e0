/** Every socket of a client process reads into this one buffer: what is read is counted before the next read begins. */
export const readBuffer = Buffer.allocUnsafeSlow(256 * 1024);
