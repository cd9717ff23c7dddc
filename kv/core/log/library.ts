/**
 * The replicated log as a library, `quorum-kv/log`: the very core of the service, to be driven message
 * by message by whoever owns time and delivery.
 */

export { DecodeError } from '../bytes';
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
export { logCodec } from './codec';
export {
  DEFAULT_LOG_OPTIONS,
  DEFAULT_MASTER_OPTIONS,
  DEFAULT_SECONDARY_OPTIONS,
  NO_TROUBLE,
  UNLIMITED,
} from './defaults';
export type { LogMessage } from './messages';
export type { LogOptions, MasterOptions, SecondaryOptions, Trouble } from './options';
export { RecoveryError, recover } from './recovery';
export { ReplicatedLog } from './replicated_log';
export type { LogReply, LogRequest, Message } from './requests';
export type {
  Health,
  LogStatus,
  MasterStatus,
  SecondaryOfMaster,
  SecondaryStatus,
} from './status';
