/**
 * Dynamo as a library, `quorum-kv/dynamo`: the very core of the service, to be driven message by
 * message by whoever owns time and delivery. `docs/dynamo_harness.md` has a whole example.
 */

export { DecodeError } from '../bytes';
export type { ByteString } from '../command';
export type { ErrorCode, OperatingError, Outcome, Retry } from '../errors';
export {
  type JournalSequence,
  journalSequence,
  type Millis,
  millis,
  NEVER,
  type NodeId,
  nodeId,
  type RequestId,
  requestId,
  type SnapshotName,
  type StorageId,
  snapshotName,
  storageId,
} from '../ids';
export type {
  Effect,
  Event,
  JournalRecord,
  MessageCodec,
  Protocol,
  Recovered,
  RecoveredSnapshot,
} from '../protocol';
export { dynamoCodec } from './codec';
export { DEFAULT_DYNAMO_OPTIONS } from './defaults';
export { Dynamo } from './dynamo';
export type { Member, Standing } from './members';
export { CART, type MergeRule } from './merges';
export type { DynamoMessage } from './messages';
export type { DynamoOptions } from './options';
export { RecoveryError, recover } from './recovery';
export type { DynamoReply, DynamoRequest } from './requests';
export { PARTITIONS, partitionOf, Ring } from './ring';
export type { DynamoStatus } from './status';
