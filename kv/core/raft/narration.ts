/** Messages, entries and answers in the words of the trace (`../trace.ts`). */

import type { Entry } from './entry';
import type { RaftLog } from './log';
import type { RaftMessage } from './messages';
import { shortNumber } from './numbering';
import type { RaftReply } from './requests';

/** A message as it stands behind an arrow: its kind, then what matters in it. */
export function describe(message: RaftMessage): string {
  switch (message.kind) {
    case 'pre_vote':
      return `PreVote term=${message.term} last=${message.lastIndex}@${message.lastTerm}`;
    case 'pre_vote_reply':
      return `PreVoteReply term=${message.term} asked=${message.asked} ${granted(message)}`;
    case 'request_vote': {
      const transfer = message.transfer ? ' transfer' : '';
      const last = `${message.lastIndex}@${message.lastTerm}`;
      return `RequestVote term=${message.term} last=${last}${transfer}`;
    }
    case 'request_vote_reply':
      return `RequestVoteReply term=${message.term} ${granted(message)}`;
    case 'append_entries': {
      const base = `base=${message.baseIndex}@${message.baseTerm}`;
      return `AppendEntries ${base} ${list(message.entries)} commit=${message.commit}`;
    }
    case 'append_entries_reply':
      return `AppendEntriesReply match=${message.match}`;
    case 'append_entries_reject': {
      const hint = `hint=${message.hintIndex}@${message.hintTerm}`;
      return `AppendEntriesReject term=${message.term} base=${message.baseIndex} ${hint}`;
    }
    case 'heartbeat':
      return `Heartbeat round=${message.round} commit=${message.commit}${message.lease ? ' lease' : ''}`;
    case 'heartbeat_reply':
      return `HeartbeatReply round=${message.round} match=${message.match}`;
    case 'install_snapshot': {
      const end = message.offset + message.bytes.length;
      const part = `bytes=${message.offset}-${end}/${message.size}`;
      return `InstallSnapshot last=${message.lastIndex}@${message.lastTerm} ${part}`;
    }
    case 'install_snapshot_reply':
      return `InstallSnapshotReply offset=${message.offset} match=${message.match}`;
    case 'forward':
      return `Forward id=${shortNumber(message.id)}${message.again ? ' again' : ''}`;
    case 'forward_reply':
      return `ForwardReply id=${shortNumber(message.id)} ${message.status} index=${message.index}`;
    case 'forward_reject':
      return `ForwardReject id=${shortNumber(message.id)} ${message.code}`;
    case 'read_index':
      return `ReadIndex id=${shortNumber(message.id)}${message.lease ? ' lease' : ''}`;
    case 'read_index_reply':
      return `ReadIndexReply id=${shortNumber(message.id)} index=${message.index}`;
    case 'timeout_now':
      return 'TimeoutNow';
  }
}

const granted = (reply: { readonly granted: boolean }): string =>
  reply.granted ? 'granted' : 'refused';

/** `[5@3 6@3]`, and `[5@3 … 9@3]` when there are many. */
function list(entries: Iterable<Entry>): string {
  const texts = Array.from(entries, (entry) => `${entry.index}@${entry.term}`);
  if (texts.length > 4) return `[${texts[0]} … ${texts.at(-1)}]`;
  return `[${texts.join(' ')}]`;
}

export function describeEntries(log: RaftLog, from: number, to: number): string {
  const entries: Entry[] = [];
  for (let at = from; at <= to; at++) entries.push(log.entryAt(at));
  return list(entries);
}

/** What a client is told. */
export function describeReply(reply: RaftReply<unknown>): string {
  switch (reply.kind) {
    case 'written':
      return `written index=${reply.served.index}`;
    case 'answer':
      return `answer index=${reply.served.index}`;
    case 'transferred':
      return `transferred to ${reply.leader ?? '-'}`;
    case 'failed':
      return `failed ${reply.error.code} (${reply.error.outcome})`;
  }
}
