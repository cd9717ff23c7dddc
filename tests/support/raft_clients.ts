/** What the clients of a simulated cluster say, and what they make of the answers. */

import type { Answer, Command } from '../../kv/core/command';
import { decodeResult } from '../../kv/core/machine/command_codec';
import type { RaftReply } from '../../kv/core/raft/requests';

/** What a client makes of a reply. */
export function replyText(reply: RaftReply<Answer>): string {
  switch (reply.kind) {
    case 'written':
      return reply.result.length === 1 ? decodeResult(reply.result) : 'an empty result';
    case 'answer': {
      const { age } = reply.served;
      return `${reply.answer ?? 'nothing'}${age > 0 ? ` (at most ${age} ms old)` : ''}`;
    }
    case 'transferred':
      return `the leader is ${reply.leader ?? 'unknown'}`;
    case 'failed':
      return `${reply.error.code} (outcome: ${reply.error.outcome}, retry: ${reply.error.retry})`;
  }
}

/** Bytes of ASCII text. */
const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (each) => each.charCodeAt(0));

/** The value is JSON text: `put('a', '"cat"')`. */
export const put = (key: string, json: string): Command => ({
  kind: 'put',
  key,
  value: bytesOf(json),
});
export const append = (key: string, json: string): Command => ({
  kind: 'append',
  key,
  value: bytesOf(json),
});
export const remove = (key: string): Command => ({ kind: 'delete', key });
