/**
 * The names of simulated files: those that a process sees, and those that are safe on the disk.
 * A change of names is safe once its folder has been flushed; until then a power cut may undo it.
 */

import { basename, dirname } from 'node:path';
import type { Prng } from '../core/prng';
import type { SimulatedFile } from './simulated_file';

type Names = Map<string, SimulatedFile>;

interface Change {
  readonly folder: string;
  apply(names: Names): void;
}

export class FileNames {
  private live: Names = new Map();
  private durable: Names = new Map();
  /** Changes since the last flush of their folder, in their order. */
  private changes: Change[] = [];

  get(path: string): SimulatedFile | undefined {
    return this.live.get(path);
  }

  inFolder(folder: string): string[] {
    const names: string[] = [];
    for (const path of this.live.keys()) if (dirname(path) === folder) names.push(basename(path));
    return names;
  }

  /** The files that have their names even if the power goes now. */
  durableFiles(): ReadonlyMap<string, SimulatedFile> {
    return this.durable;
  }

  add(path: string, file: SimulatedFile): void {
    this.change(dirname(path), (names) => names.set(path, file));
  }

  remove(path: string): void {
    this.change(dirname(path), (names) => names.delete(path));
  }

  rename(from: string, to: string, file: SimulatedFile): void {
    this.change(dirname(to), (names) => {
      names.delete(from);
      names.set(to, file);
    });
    file.path = to;
  }

  /** How many changes there have been: what a flush that begins now is about. */
  changesOf(folder: string): Change[] {
    return this.changes.filter((change) => change.folder === folder);
  }

  /** A flush has ended that was about these changes. */
  flush(flushed: readonly Change[]): void {
    for (const change of flushed) {
      if (this.changes.includes(change)) change.apply(this.durable);
    }
    this.changes = this.changes.filter((change) => !flushed.includes(change));
  }

  /** Of the changes since the flush of their folder, the first ones are left, or any. */
  losePower(random: Prng): void {
    const inOrder = random.chance(1, 2);
    const lost = new Set<string>();
    for (const change of this.changes) {
      if (!inOrder) lost.clear();
      if (random.chance(1, 3)) lost.add(change.folder);
      if (!lost.has(change.folder)) change.apply(this.durable);
    }
    this.changes = [];
    this.live = new Map(this.durable);
    for (const [path, file] of this.live) {
      file.path = path;
      file.losePower(random);
    }
  }

  private change(folder: string, apply: (names: Names) => void): void {
    apply(this.live);
    this.changes.push({ folder, apply });
  }
}
