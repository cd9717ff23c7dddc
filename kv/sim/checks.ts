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
  'newest configuration': 'a node uses the newest configuration that its log and snapshot have',
  bounds: 'requests and messages under way stay within their limits',
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
  recovery: 'a node starts from whatever a crash leaves on its disk',
  liveness: 'a majority that is left in peace serves within a stated time',
  rest: 'when all is repaired, nothing waits and all replicas are equal, byte for byte',
  storm: 'nodes do not go round in circles',
} as const;
