/** Where a journal lies and how it is cut: what all of its parts need to know. */

import { join } from 'node:path';
import type { StorageId } from '../core/ids';
import type { FileSystem } from './file_system';

export interface JournalPlace {
  readonly fs: FileSystem;
  readonly folder: string;
  readonly storageId: StorageId;
  /** Where one segment ends and the next begins. */
  readonly segmentBytes: number;
  readonly maxRecordBytes: number;
}

export const inFolder = (place: JournalPlace, name: string): string => join(place.folder, name);
