/** A cluster of which every node lives in a network of its own, so that links can be cut. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster, compiledProgram } from '../../bin/cluster';
import { ClusterNode } from '../../bin/cluster_node';
import { TestNetwork } from './e2e_network';
import {
  ELECTION,
  electionFlags,
  Records,
  temporaryFolder,
  type World,
  worldOf,
} from './e2e_world';

const HTTP_PORT = 8080;
const PEER_PORT = 6000;
const STOP_TIMEOUT_MS = 20_000;

export interface PartitionableWorld extends World {
  readonly network: TestNetwork;
}

export async function openPartitionableWorld(nodes: number): Promise<PartitionableWorld> {
  const network = new TestNetwork(nodes);
  const records = new Records();
  const dataDir = temporaryFolder();
  const remove = () => {
    network.close();
    rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    network.open();
    const all: ClusterNode[] = [];
    for (let index = 0; index < nodes; index++) {
      all.push(await makeNode(network, records, dataDir, nodes, index));
    }
    const cluster = new Cluster(all);
    const world = { ...worldOf(cluster, records, dataDir, remove), network };
    await Promise.all(cluster.nodes.map((node) => node.start())).catch(async (error) => {
      await world.close();
      throw error;
    });
    return world;
  } catch (error) {
    remove();
    throw error;
  }
}

async function makeNode(
  network: TestNetwork,
  records: Records,
  dataDir: string,
  nodes: number,
  index: number,
): Promise<ClusterNode> {
  const idOf = (node: number) => `${network.address(node)}:${PEER_PORT}`;
  const ids = Array.from({ length: nodes }, (_, node) => idOf(node));
  const id = idOf(index);
  const flags = [
    `--data-dir=${join(dataDir, `node${index}`)}`,
    `--http-host=${network.address(index)}`,
    ...electionFlags(ELECTION),
  ];
  const partners = ids.filter((other) => other !== id);
  const gateway = await network.gatewayTo(index, HTTP_PORT);
  return new ClusterNode({
    ...{ index, id, url: `http://127.0.0.1:${gateway}` },
    wrapper: network.wrapper(index),
    command: [compiledProgram(), String(HTTP_PORT), id, ...partners, ...flags],
    stopTimeoutMs: STOP_TIMEOUT_MS,
    onLine: records.onLine,
    onExit: records.onExit,
  });
}
