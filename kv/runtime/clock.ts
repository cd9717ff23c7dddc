/**
 * The clock of the real driver: monotonic milliseconds since the process began, with a fraction.
 *
 * Never the time of day: that one is set by people and by daemons, it jumps, and an election
 * timeout or a lease measured with it would jump too.
 */

import { type Millis, millis } from '../core/ids';

export type Clock = () => Millis;

export const monotonicNow: Clock = () => millis(performance.now());
