/** What benchmarks read of a running node besides the answers to their load. */

import { setTimeout as wait } from 'node:timers/promises';
import axios from 'axios';
import type { ClusterNode, NodeStatus } from './cluster_node';

const POLL_MS = 100;

/** The status of a node, as soon as it answers. */
export async function statusOf(node: ClusterNode): Promise<NodeStatus> {
  for (;;) {
    const status = await node.status();
    if (status !== undefined) return status;
    await wait(POLL_MS);
  }
}

/** The longest stall of a node's event loop since this was last asked, in milliseconds. */
export async function takeStall(node: ClusterNode): Promise<number> {
  const response = await axios.get<string>(`${node.url}/metrics`, { proxy: false });
  const found = /^quorum_kv_loop_lag_seconds (\S+)$/m.exec(response.data);
  return Number(found?.[1]) * 1000;
}

export const portOf = (node: ClusterNode): number => Number(new URL(node.url).port);
