/**
 * Sending a JSON text that may be too large for one string: it is made and sent piece by piece, each
 * when the client has taken the one before. So an answer costs a piece of memory beyond what it
 * tells of, and a client that does not read costs no more.
 */

import type { ServerResponse } from 'node:http';
import type { ByteString } from '../core/command';
import { sendJsonBytes } from './replies';
import { emptyHeaders, JSON_TYPE } from './reply_parts';

const PIECE_BYTES = 64 * 1024;

/** 200 with the fragments as one JSON text; they are taken one by one, while it is sent. */
export function sendFragments(res: ServerResponse, fragments: Iterable<ByteString>): void {
  const pieces = inPieces(fragments, PIECE_BYTES);
  const first = pieces.next().value ?? '';
  let piece = pieces.next();
  // What is no longer than one piece goes out with its length, as all short answers do.
  if (piece.done === true) return sendJsonBytes(res, first);
  res.writeHead(200, emptyHeaders(['Content-Type', JSON_TYPE]));
  if (res.req.method === 'HEAD') return void res.end();
  res.write(first, 'latin1');
  more();

  function more(): void {
    if (res.destroyed) return;
    if (res.writableNeedDrain) return void res.once('drain', more);
    if (piece.done === true) return void res.end();
    res.write(piece.value, 'latin1');
    piece = pieces.next();
    // Other requests have their turn between two pieces, however fast this client reads.
    setImmediate(more);
  }
}

/** The fragments joined and cut into texts of at most `most` characters; no longer one is made. */
export function* inPieces(
  fragments: Iterable<ByteString>,
  most: number,
): Generator<ByteString, void> {
  let piece = '';
  for (const fragment of fragments) {
    let at = 0;
    while (piece.length + fragment.length - at > most) {
      const end = at + most - piece.length;
      yield piece + fragment.slice(at, end);
      piece = '';
      at = end;
    }
    piece += fragment.slice(at);
  }
  if (piece !== '') yield piece;
}
