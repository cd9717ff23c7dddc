/**
 * Everything that is checked in a run of the key/value service on Raft, by the names that violations
 * carry. The rules R1 to R7 are those of `kv/core/raft/DESIGN.md`.
 */

export const CHECKS = {
  'R1 election safety': 'at most one node leads a term',
  'R2 leader append-only': 'a leader never drops or replaces an entry of its log',
  'R3 log matching': 'an index and a term name one entry, with one entry before it',
  'R4 leader completeness': 'a leader has every entry that was committed in an earlier term',
  'R5 state machine safety': 'no two nodes commit different entries at one index',
  'R6 monotonic terms': 'no node starts in an earlier term than it has promised',
  'R7 monotonic commit': 'what a node knows to be committed never shrinks',
  'durable before committed': 'what is committed is on a majority of the disks',
  'durable before said': 'no message says what is not yet on the disk of its sender',
  'durable before deleted': 'no record of a journal goes before what replaces it is durable',
  'election restriction': 'nobody votes for a candidate with a log less up to date than its own',
  'newest configuration': 'a node uses the newest configuration that its log and snapshot have',
  'shared majorities': 'a configuration cannot decide without anybody of the one before it',
  snapshots: 'what is received under the name of a snapshot is what somebody has made',
  matches: 'what a node takes for durable, here or at a follower, is on that disk',
  rounds: 'an answer to a heartbeat is counted for the round that it answers',
  lease: 'while a leader trusts its lease nobody else is elected',
  bounds: 'requests, messages and the log behind a snapshot stay within their limits',
  refusals: 'a write that was forwarded once is refused, or it is in a log, but not both',
  replies: 'a request is answered once',
  'uncommitted read': 'no read is answered from a state that is not committed',
  'read index': 'a linearizable read sees all that was committed before it was asked',
  min_index: 'a read is answered from no earlier index than it asked for',
  staleness: 'an answer is not older than it says, nor than was asked for',
  'state machine safety': 'every answer is the value that its index had',
  linearizability: 'one order explains every answer, for every key',
  'exactly once': 'an acknowledged append is there once, an unknown one at most once',
  answers: 'no answer says what cannot have happened',
  assertion: 'no assertion of the core or of the storage fails',
  'crash of the core': 'the core throws nothing else either',
  recovery: 'a node starts from whatever a crash leaves on its disk, with all that was durable',
  liveness: 'a majority that is left in peace serves within a stated time',
  rest: 'when all is repaired, nothing waits and all replicas are equal, byte for byte',
  storm: 'nodes do not go round in circles',
} as const;

/** The same for Dynamo. The rules D1 to D12 are those of `kv/core/dynamo/DESIGN.md`. */
export const DYNAMO_CHECKS = {
  'lost write':
    'what was acknowledged is returned or descended from, and nobody drops the last copy',
  'false siblings': 'no version is kept beside one that has seen it',
  'true history': 'a version says that it has seen exactly what its writer had seen',
  dots: 'no dot ever names two versions, nor comes from an epoch that is not reserved durably',
  'of one mind': 'nothing is acknowledged between nodes with different tables of members',
  'disk lag': 'a node whose disk is too far behind takes in nothing further',
  metadata: 'a version has one string, the same everywhere and from the first answer on',
  invented: 'nothing is held that nobody wrote',
  'durable before said': 'no node acknowledges what is not yet on its disk',
  answers:
    'values and metadata belong together, carts are the union of their parts, no refused write is there',
  replies: 'a request is answered once',
  assertion: 'no assertion of the core or of the storage fails',
  'crash of the core': 'the core throws nothing else either',
  recovery: 'a node starts from whatever a crash leaves on its disk, with all that was durable',
  liveness: 'a majority that is left in peace serves within a stated time',
  rest: 'when all is repaired, replicas are equal with equal strings, only the homes of a key hold it, and no hint is left',
  storm: 'nodes do not go round in circles',
} as const;

/** The same for the replicated log. The rules L1 to L16 are those of `kv/core/log/DESIGN.md`. */
export const LOG_CHECKS = {
  'one order': 'an order names one message, in every log, for ever',
  'exactly once': 'an id is in the log once, and is said to be new once',
  gap: 'logs and answers are runs without a gap',
  'lost write': 'what was acknowledged is in the log of the master, up to its end',
  'refused write': 'what was said not to be applied is in no log',
  invented: 'nobody holds or shows what the master does not have on its disk',
  'durable before said': 'nothing is sent, acknowledged or counted that is not on the disks',
  'durable before shown': 'readers see only what is on the disk of the node that they ask',
  'taken back': 'what readers have seen of a log stays, over any crash',
  blocked: 'whoever has the copies that it waits for is answered, whoever else waits',
  beginnings: 'the master counts only what a secondary has said in answer to the present attempt',
  answers: 'as many copies as were asked for, and no contradiction where there is none',
  replies: 'a request is answered once',
  assertion: 'no assertion of the core or of the storage fails',
  'crash of the core': 'the core throws nothing else either',
  recovery: 'a node starts from whatever a crash leaves on its disk, with all that was durable',
  liveness: 'a majority that is left in peace serves within a stated time',
  rest: 'when all is repaired, nothing waits, everybody is healthy and all logs are equal',
  storm: 'nodes do not go round in circles',
} as const;

/** The same for the convergent system. The rules C1 to C10 are those of `kv/core/convergent/DESIGN.md`. */
export const CONVERGENT_CHECKS = {
  state:
    'after every record each key is what follows from the updates that the replica has seen, no more, no less',
  causality: 'who has seen an update has seen all that its replica had seen',
  clock: 'an update has a later stamp than all that its replica had seen',
  stamps: 'no stamp is given twice, nor an older one than before',
  drift: 'nothing is taken over that is too far ahead of the wall clock',
  peers:
    'who is a peer is what operators said last, by the clock, as far as the replica has seen; no node says it of its own accord',
  comparing: 'nobody compares the whole map with a peer that has seen and holds the same',
  'lost write': 'what was acknowledged is with all replicas at the end',
  'durable before said': 'no replica tells a peer or a client what is not yet on its disk',
  prompt: 'a client is answered as soon as the own disk has what the answer speaks of',
  answers:
    'an answer is what the replica held when it was asked, the whole map that of one moment; no refused update is there',
  replies: 'a request is answered once',
  assertion: 'no assertion of the core or of the storage fails',
  'crash of the core': 'the core throws nothing else either',
  recovery: 'a replica starts from whatever a crash leaves on its disk, with all that was durable',
  liveness: 'a majority that is left in peace serves within a stated time',
  rest: 'when all is repaired, replicas are equal, no tombstone is left, and nobody has anything to say',
  storm: 'nodes do not go round in circles',
} as const;
