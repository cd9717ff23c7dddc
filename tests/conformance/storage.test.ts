import { nodeId, storageId } from '../../kv/core/ids';
import { MemoryStorage } from '../../kv/storage/memory_storage';
import { newDisk, openOn } from '../storage/storage_setup';
import { describeStorage } from './storage_suite';

const IDENTITY = { clusterId: 'c', nodeId: nodeId('n1'), storageId: storageId(77) };

describeStorage('the storage in memory', () => {
  let storage: MemoryStorage | undefined;
  return {
    open: () => {
      storage = storage?.reopen() ?? new MemoryStorage(IDENTITY, { automatic: false });
      return storage;
    },
    flush: async () => storage?.flush(),
    crash: () => {
      storage = storage?.reopen();
    },
  };
});

describeStorage('the storage in memory that flushes by itself', () => {
  let storage: MemoryStorage | undefined;
  return {
    open: () => {
      storage = storage?.reopen() ?? new MemoryStorage(IDENTITY);
      return storage;
    },
    flush: () => new Promise((resolve) => setImmediate(resolve)),
    crash: () => {
      storage = storage?.reopen();
    },
  };
});

describeStorage('the storage on a disk', () => {
  let disk = newDisk();
  return {
    open: () => openOn(disk),
    flush: () => disk.settle(),
    crash: () => {
      const before = disk;
      disk = before.powerCut();
      before.cutAt = 0;
    },
  };
});
