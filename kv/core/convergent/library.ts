/**
 * The convergent system as a library, `quorum-kv/convergent`: the very core of the service, to be
 * driven message by message by whoever owns time and delivery.
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
export { convergentCodec } from './codec';
export { Convergent } from './convergent';
export { DEFAULT_CONVERGENT_OPTIONS } from './defaults';
export type { ConvergentMessage } from './messages';
export type { ConvergentOptions } from './options';
export { RecoveryError, recover } from './recovery';
export type {
  Change,
  ConvergentReply,
  ConvergentRequest,
  Entries,
  ValueType,
  View,
} from './requests';
export { type ConvergentStatus, type Peer, type PeerStatus, replicaIdOf } from './status';
