/**
 * Our leaderless system: real nodes, HTTP, the defaults of the command line. Puts and gets ask for a
 * quorum of two, and a put carries the metadata of the version that it replaces, as an application's
 * would. There is no leader, so clients are spread over all nodes.
 */

import { DynamoProcesses } from '../../dynamo_group';
import { GeneratedLoad } from '../generated_load';
import type { Place, Running, System } from '../system';
import { operationsOf, type Shape } from '../workload';

export const DYNAMO: System = {
  name: 'quorum-kv dynamo',
  promise: 'leaderless: a put is on two disks of three, a get has asked two of three; no order',
  missing: () => undefined,
  lacks,
  start,
};

function lacks({ workload }: Shape): string | undefined {
  const known = operationsOf(workload).every((one) => one === 'put' || one === 'get');
  if (!known || workload === 'embedded') return 'it has only reads and writes with a quorum';
  return workload === 'hot' ? 'many writers of one key make many versions of it' : undefined;
}

async function start({ nodes, folder }: Place): Promise<Running> {
  const group = await DynamoProcesses.start(nodes, folder);
  const load = new GeneratedLoad(DYNAMO.name);
  const ports = group.nodes.map(({ url }) => Number(new URL(url).port));
  return {
    pids: group.nodes.map((node) => node.pid ?? 0),
    loadPid: load.pid,
    prepare: (shape, part) => load.prepare({ protocol: 'dynamo', ports }, shape, part),
    go: () => load.go(),
    finish: () => load.finish(),
    stop: async () => {
      await load.stop();
      await group.stop();
    },
  };
}
