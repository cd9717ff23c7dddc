/** A cluster of somebody else's servers under the generator's load. */

import { GeneratedLoad, type Target } from '../generated_load';
import type { Running } from '../system';
import type { Way } from '../workload';
import type { Member } from './daemons';

/** `findLeader` puts the leader first; it is asked before every load. */
export async function runPeer(
  name: string,
  findLeader: () => Promise<readonly Member[]>,
  target: Omit<Target, 'ports'>,
): Promise<Running> {
  const load = new GeneratedLoad(name);
  let members = await findLeader();
  return {
    get pids() {
      return members.map(({ daemon }) => daemon.pid);
    },
    loadPid: load.pid,
    prepare: async (shape, part) => {
      members = await findLeader();
      await load.prepare({ ...target, ports: portsFor(shape.through, members) }, shape, part);
    },
    go: () => load.go(),
    finish: () => load.finish(),
    stop: async () => {
      await load.stop();
      await Promise.all(members.map(({ daemon }) => daemon.stop()));
    },
  };
}

function portsFor(through: Way, [leader, ...followers]: readonly Member[]): number[] {
  const chosen = through === 'leader' || followers.length === 0 ? [leader] : followers;
  return chosen.map((member) => member?.port ?? 0);
}
