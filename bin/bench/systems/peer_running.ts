/** A cluster of somebody else's servers under the generator's load. */

import { GeneratedLoad, type Target } from '../generated_load';
import type { Running } from '../system';
import type { Way } from '../workload';
import type { Member } from './daemons';

/**
 * `findLeader` puts the leader first; it is asked before every load. A cluster that does not come to
 * have one is stopped.
 */
export async function runPeer(
  name: string,
  started: readonly Member[],
  findLeader: () => Promise<readonly Member[]>,
  target: Omit<Target, 'ports'>,
): Promise<Running> {
  const stopDaemons = () => Promise.all(started.map(({ daemon }) => daemon.stop()));
  let members: readonly Member[];
  try {
    members = await findLeader();
  } catch (error) {
    await stopDaemons();
    throw error;
  }
  const load = new GeneratedLoad(name);
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
      await stopDaemons();
    },
  };
}

function portsFor(through: Way, [leader, ...followers]: readonly Member[]): number[] {
  const chosen = through === 'leader' || followers.length === 0 ? [leader] : followers;
  return chosen.map((member) => member?.port ?? 0);
}
