/**
 * What to do when the bytes of a connection are no HTTP request, or not in time. Node reports it
 * as `clientError` and leaves the socket to us; a clear answer costs little and saves somebody an
 * afternoon.
 */

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Refusal } from './error_status';
import { rawRefusal, sendRefusal } from './replies';

/** How long a client may leave its half of a refused connection open. */
const LINGER_MS = 1000;

/**
 * `newest` is the reply to the last request that came on this connection, if there was one. Bytes
 * that break off within that request answer it; bytes after it must not spoil its answer.
 */
export function answerBrokenRequest(
  error: NodeJS.ErrnoException,
  socket: Socket,
  newest: ServerResponse | undefined,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
  } else if (newest === undefined || newest.writableFinished) {
    const answered = newest !== undefined && !newest.req.complete;
    endSocket(socket, answered ? '' : rawRefusal(refusalFor(error)));
  } else {
    newest.shouldKeepAlive = false;
    if (!newest.req.complete && !newest.headersSent) sendRefusal(newest, refusalFor(error));
  }
}

/** CONNECT is no request to this server but one to tunnel through it. */
export function refuseTunnel(socket: Socket): void {
  endSocket(
    socket,
    rawRefusal(
      new Refusal('method_not_allowed', 'This server is not a proxy.', {
        allow: 'GET, HEAD, POST, DELETE, OPTIONS',
      }),
    ),
  );
}

function refusalFor(error: NodeJS.ErrnoException): Refusal {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new Refusal(
        'headers_too_large',
        'Send a shorter target and fewer or shorter headers.',
      );
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new Refusal('too_large', 'The extensions of the chunks are too long.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Refusal('request_timeout', 'Send the whole request at once.');
    case 'HPE_INVALID_URL':
      return new Refusal(
        'request_not_valid',
        'The target must begin with a slash, and all but visible ASCII must be percent-encoded.',
      );
    default:
      return new Refusal('request_not_valid', `This is not HTTP/1.1 (${error.code ?? 'unknown'}).`);
  }
}

/**
 * Sends the last words, then waits for the other side to stop: closing while bytes still come in
 * would reset the connection and take the answer away with it.
 */
function endSocket(socket: Socket, lastWords: string): void {
  if (socket.writableEnded) return;
  socket.end(lastWords);
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('end', () => socket.destroy());
  socket.once('close', () => clearTimeout(timer));
}
