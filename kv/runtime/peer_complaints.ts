/**
 * Complaints about peers and strangers, without floods: the same one about the same subject is
 * logged once, and again when its reason changes or after a while. Bounded, because subjects are
 * chosen by whoever connects.
 */

import { performance } from 'node:perf_hooks';
import type { Log, LogFields } from './log';

const MAX_SUBJECTS = 1000;

export class Complaints {
  private readonly last = new Map<string, { readonly reason: string; readonly at: number }>();

  constructor(
    private readonly log: Log,
    private readonly repeatMs: number,
  ) {}

  /** `subject` is whom and what it is about; `reason` is compared with the last one. */
  warn(subject: string, reason: string, message: string, fields: LogFields): void {
    const now = performance.now();
    const before = this.last.get(subject);
    if (before?.reason === reason && now - before.at < this.repeatMs) return;
    // A map keeps its keys in the order of insertion, so the first one is the oldest.
    this.last.delete(subject);
    if (this.last.size >= MAX_SUBJECTS) {
      for (const oldest of this.last.keys()) {
        this.last.delete(oldest);
        break;
      }
    }
    this.last.set(subject, { reason, at: now });
    this.log.warn(message, { ...fields, reason });
  }

  /** Forgets a subject: what it was about is well again. */
  settled(subject: string): void {
    this.last.delete(subject);
  }
}
