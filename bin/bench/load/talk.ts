/**
 * What one client says to one kind of system and how it understands the answers. A client has one
 * connection and one request under way; so a talk owns the bytes of its requests, fills in the key,
 * and hands out the same buffer again and again.
 */

import type { Operation } from '../workload';

export interface Talk {
  /** What is sent first on a new connection; the load begins when it has been answered. */
  readonly greeting: Buffer | undefined;
  /** What is sent before the connection is closed. */
  readonly farewell: Buffer | undefined;
  /** The bytes of a request; valid until its answer is whole. */
  request(operation: Operation, key: number): Buffer;
  /**
   * Takes the first `size` bytes of a buffer that is used again afterwards. Says whether the answer
   * is whole; `complaint` then says what was wrong with it.
   */
  take(bytes: Buffer, size: number): boolean;
  complaint: string | undefined;
  /**
   * What a client sends when a request has had no answer for a while, as the system's own clients do
   * to keep a connection alive. Its answer becomes part of the one that is awaited.
   */
  ping?(): Buffer;
}
