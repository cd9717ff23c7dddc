/** The lines that an operator reads, of a node that is stepped by hand and looked at after each step. */

import { OperatorLog } from '../../kv/raft_service/operator_log';
import { type Core, put, RaftCluster } from '../support/raft_cluster';

const UNKNOWN = /^warn the cluster knows this node by another disk/;

/** What is said of a node from now on. */
function follow(node: Core): string[] {
  const lines: string[] = [];
  const say = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
  const log = { info: say('info'), warn: say('warn'), error: say('error'), debug: say('debug') };
  const operator = new OperatorLog(node, log);
  operator.started();
  operator.look();
  const step = node.step.bind(node);
  node.step = (...batch) => {
    const effects = step(...batch);
    operator.look();
    return effects;
  };
  return lines;
}

function writtenCluster(): RaftCluster {
  const cluster = new RaftCluster({ nodes: 3 });
  cluster.elect('n1');
  cluster.stabilize();
  cluster.propose('n1', put('a', '1'));
  cluster.stabilize();
  return cluster;
}

test('a node whose disk was wiped is warned of, once', () => {
  const cluster = writtenCluster();
  cluster.restart('n3', { wiped: true });
  const lines = follow(cluster.node('n3'));
  cluster.run(500);
  expect(cluster.node('n3').status().diskUnknown).toBe(false);
  expect(lines).toContain('info follows n1 in term 1');
  expect(lines.filter((line) => UNKNOWN.test(line))).toHaveLength(1);
});

test('one that is started anew while its disk is unknown is warned of again', () => {
  const cluster = writtenCluster();
  cluster.restart('n3', { wiped: true });
  for (let i = 0; i < 500 && !cluster.node('n3').status().diskUnknown; i++) {
    cluster.deliver();
    cluster.advance(1);
  }
  expect(cluster.node('n3').status().diskUnknown).toBe(true);
  cluster.restart('n3');
  const lines = follow(cluster.node('n3'));
  cluster.run(100);
  expect(lines.filter((line) => UNKNOWN.test(line))).toHaveLength(1);
});

test('nothing is said of the disks of a healthy cluster', () => {
  const cluster = writtenCluster();
  cluster.restart('n3');
  const lines = follow(cluster.node('n3'));
  cluster.run(500);
  expect(lines).toContain('info follows n1 in term 1');
  expect(lines.filter((line) => UNKNOWN.test(line))).toEqual([]);
});
