/**
 * Runs inside a network of a test and lets the test talk to a node there: a listening socket that
 * was opened outside is handed over with the address of the node, and what connects to it is
 * carried to that address. A socket stays in the network in which it was opened.
 */

import { connect, type Server, type Socket } from 'node:net';

export interface Target {
  readonly host: string;
  readonly port: number;
}

process.on('message', (target: Target, server: unknown) => {
  (server as Server).on('connection', (outside: Socket) => {
    const inside = connect(target);
    outside.pipe(inside).pipe(outside);
    // What breaks on one side breaks on the other.
    outside.on('error', () => inside.destroy()).on('close', () => inside.destroy());
    inside.on('error', () => outside.destroy()).on('close', () => outside.destroy());
  });
  process.send?.('ready');
});
process.on('disconnect', () => process.exit(0));
