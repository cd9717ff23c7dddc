/** Loaded by `--require`; see `slow_disk.ts`. */

import { makeDiskSlowable } from './slow_disk';

makeDiskSlowable();
