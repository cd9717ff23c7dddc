/** The program around one embedded node; see `embedded.ts`. */

import { type ConfigOptions, KVStorage } from '../../../kv/kvstorage';
import type { LoadResult } from '../load/load_order';
import { serveQuestions } from '../load/questions';
import { Run } from '../load/run';
import { keyText } from '../load/talk_bytes';
import { FILL_CLIENTS, type Part } from '../system';
import type { Shape } from '../workload';

let node: KVStorage | undefined;
let work: { readonly run: Run; readonly writers: readonly Writer[] } | undefined;

/** Has one put under way, as a client of the network has. */
class Writer {
  constructor(
    private readonly run: Run,
    private readonly kv: KVStorage,
    private readonly value: string,
  ) {}

  start(): void {
    void this.write();
  }

  private async write(): Promise<void> {
    const { run, kv, value } = this;
    let now = performance.now();
    for (let n = run.next(now); n >= 0; n = run.next(now)) {
      const complaint = await kv.put(keyText('put', run.keyOf(n)), value).then(noComplaint, String);
      const before = now;
      now = performance.now();
      run.done(now - before, complaint);
    }
  }
}

const noComplaint = (): undefined => undefined;

serveQuestions({
  open: async (options: ConfigOptions) => {
    node = await KVStorage.open(options);
  },
  leads: () => node?.status().role === 'leader' && node.readiness().ready,
  prepare: ({ shape, part }: { shape: Shape; part: Part }) => {
    if (node === undefined) throw new Error('the node is not open');
    const kv = node;
    const fill = part === 'fill';
    const run = new Run({
      ...{ protocol: 'http', ports: [], keys: shape.keys, valueBytes: shape.valueBytes },
      ...{ workload: fill ? 'fill' : shape.workload, clients: shape.clients },
      ...(fill ? {} : { seconds: part.seconds }),
    });
    const value = 'x'.repeat(Math.max(0, shape.valueBytes - 2));
    const count = fill ? FILL_CLIENTS : shape.clients;
    work = { run, writers: Array.from({ length: count }, () => new Writer(run, kv, value)) };
  },
  go: (): Promise<LoadResult> => {
    if (work === undefined) throw new Error('nothing is prepared');
    return work.run.go(work.writers);
  },
});
