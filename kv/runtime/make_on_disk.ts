import type { Storage } from '../storage/storage';

/**
 * Makes something on a disk that was opened for it. If that fails nobody else knows the disk, so it
 * is closed, and its folder unlocked, before the failure is told: whoever hears of it may try again.
 */
export async function makeOnDisk<Made>(storage: Storage, make: () => Made): Promise<Made> {
  try {
    return make();
  } catch (error) {
    await storage.close();
    throw error;
  }
}
