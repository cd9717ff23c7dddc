/** A node of each system whose data folder cannot be understood says so, and leaves it unlocked. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../bin/free_ports';
import { configFrom } from '../../kv/config';
import { journalSequence, storageId } from '../../kv/core/ids';
import { ConvergentStorage, DynamoStorage, KVStorage } from '../../kv/kvstorage';
import { ReplicatedLogService } from '../../kv/log_service/log_service';
import { openDurableStorage } from '../../kv/storage/durable_storage';

/** No system has records of this type. */
const UNKNOWN_TYPE = 250;

interface Place {
  readonly dataDir: string;
  readonly nodeId: string;
  readonly httpPort: number;
}
interface Node {
  close(): Promise<void>;
}

function openLog({ dataDir, httpPort }: Place): Promise<Node> {
  const options = { nodeId: '', protocol: 'log', dataDir, httpPort, partners: [] } as const;
  const result = configFrom(options);
  if ('problems' in result) throw new Error(result.problems.map((each) => each.message).join());
  return ReplicatedLogService.open(result.config, { onFatal: () => undefined });
}

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'quorum-kv-recovery-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const openFolder = () => openDurableStorage({ folder: dataDir, drawStorageId: () => storageId(7) });

/** The journal goes on with a whole record that means nothing. */
async function spoilFolder(): Promise<void> {
  const storage = openFolder();
  const { firstSequence, records: all } = storage.recovered;
  const through = journalSequence(firstSequence + [...all].length);
  await new Promise<void>((resolve, reject) => {
    storage.listen({ event: () => resolve(), failed: reject });
    const records = [{ type: UNKNOWN_TYPE, payload: Uint8Array.of(1, 2, 3) }];
    storage.perform({ kind: 'persist', records, through });
  });
  await storage.close();
}

const SYSTEMS: readonly [name: string, open: (place: Place) => Promise<Node>][] = [
  ['raft', ({ dataDir, nodeId }) => KVStorage.open({ dataDir, nodeId })],
  ['dynamo', ({ dataDir, nodeId }) => DynamoStorage.open({ dataDir, nodeId })],
  ['convergent', ({ dataDir, httpPort }) => ConvergentStorage.open({ dataDir, httpPort })],
  ['log', openLog],
];

test.each(SYSTEMS)('%s', async (_, open) => {
  const [httpPort] = await freePorts('127.0.0.1', 1);
  const place = { dataDir, nodeId: `127.0.0.1:${httpPort}`, httpPort: httpPort as number };
  await (await open(place)).close();
  await spoilFolder();
  for (let tries = 0; tries < 3; tries++) {
    await expect(open(place)).rejects.toThrow(`${UNKNOWN_TYPE}`);
  }
  // Nobody holds the lock.
  await openFolder().close();
});
