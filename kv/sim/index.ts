/**
 * The simulator as a library, `quorum-kv/sim`: run a replicated state machine of one's own on the
 * Raft of production in a world where everything goes wrong, and get back the same run for the same
 * seed. `docs/simulator.md` has a whole example.
 */

export { DecodeError } from '../core/bytes';
export type { ByteString, ReadLevel } from '../core/command';
export type { LogIndex, Millis } from '../core/ids';
export { KeyValue } from '../core/machine/key_value';
export type {
  ApplyContext,
  SnapshotCursor,
  SnapshotLoader,
  StateMachine,
} from '../core/machine/state_machine';
export { Prng } from '../core/prng';
export type { ServedFrom } from '../core/raft/requests';
export type { KeyAction, KeyOperation, KeyResult } from './checkers/key_history';
export { checkLinearizable, type Verdict } from './checkers/linearizability';
export { CHECKS, CONVERGENT_CHECKS, DYNAMO_CHECKS, LOG_CHECKS } from './checks';
export type { ClientSettings, RunConfiguration, RunLimits } from './configuration';
export { type ConvergentRunSetup, simulateConvergent } from './convergent/simulate_convergent';
export type { Counters } from './counters';
export {
  type Disk,
  DiskDamaged,
  type DiskFactory,
  type DiskFault,
  type DiskHost,
  type Ending,
} from './disk';
export { type DynamoRunSetup, simulateDynamo } from './dynamo/simulate_dynamo';
export { failureReport, flagsOf } from './failure_report';
export { FAULT_KINDS, type Fault, type FaultKind, type FaultRates } from './faults';
export { type LogRunSetup, simulateLog } from './log/simulate_log';
export { ModelDisk } from './model_disk';
export type { NetworkSettings } from './network';
export type { Application, Intent, Recorded } from './raft/application';
export { KeyValueApplication } from './raft/key_value_application';
export type { SharedOptions } from './raft/raft_options';
export { type Shrunk, shrink } from './shrink';
export { type RunReport, type RunSetup, simulate } from './simulate';
export { SIMPLIFICATIONS, type Simplification, type Variation } from './variation';
export { Violation } from './violation';
