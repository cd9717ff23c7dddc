/**
 * A client that ends its side of the connection may still be there and wait for its answer, or it
 * has gone: both look the same until it is sent something. Whatever ends by itself is answered all
 * the same; whatever may wait for long has to know.
 */

import type { ServerResponse } from 'node:http';

/** Calls `act` once the client has ended its side, unless the answer is over before that. */
export function whenClientEnds(res: ServerResponse, act: () => void): void {
  const { socket } = res.req;
  if (socket.readableEnded) return act();
  // Every request of a pipeline may wait here.
  socket.setMaxListeners(0);
  socket.once('end', act);
  res.once('close', () => socket.off('end', act));
}
