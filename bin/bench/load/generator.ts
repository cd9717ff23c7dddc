/**
 * The process that makes the load. It is apart from the rest so that what it costs can be seen, and
 * there is one for each system, so that the code of one is not slowed down by the habits of another.
 */

import { Client } from './client';
import { GrpcClient, GrpcConnection } from './grpc_connection';
import { EtcdJsonTalk, KeysTalk } from './http_talk';
import type { LoadOrder, LoadResult } from './load_order';
import { Pipeline, PipelineClient, type PipelineTalk } from './pipeline';
import { KeysPipelineTalk, ZooKeeperPipelineTalk } from './pipeline_talks';
import { serveQuestions } from './questions';
import { RedisTalk } from './redis_talk';
import { Run } from './run';
import type { Talk } from './talk';
import { VersionsTalk } from './versions_talk';
import { ZooKeeperTalk } from './zookeeper_talk';

/** What the leaderless system was told of each key; kept from one load to the next. */
const metadata = new Map<number, string>();
let run: Run | undefined;
let clients: readonly { start(now: number): void }[] = [];
let connections: readonly { close(): Promise<void> }[] = [];

async function connect(order: LoadOrder): Promise<void> {
  run = new Run(order);
  if (order.protocol === 'etcd-grpc') await connectGrpc(run, order);
  else if (order.connections !== undefined) await connectPipelines(run, order);
  else await connectClients(run, order);
}

async function connectClients(to: Run, order: LoadOrder): Promise<void> {
  const made = Array.from({ length: order.clients }, () => new Client(to, talkOf(order)));
  [clients, connections] = [made, made];
  await Promise.all(made.map((client, i) => client.connect(portFor(order, i))));
}

async function connectGrpc(to: Run, order: LoadOrder): Promise<void> {
  const { valueBytes } = order;
  const shared = sharedBy(order, (port) => new GrpcConnection(to, port, valueBytes));
  clients = eachOn(shared, order, (connection) => new GrpcClient(to, connection, valueBytes));
  connections = shared;
  await Promise.all(shared.map((connection) => connection.connect()));
}

async function connectPipelines(to: Run, order: LoadOrder): Promise<void> {
  const shared = sharedBy(order, (port) => new Pipeline(to, port, pipelineTalkOf(order)));
  clients = eachOn(shared, order, (pipeline) => new PipelineClient(pipeline));
  connections = shared;
  await Promise.all(shared.map((pipeline) => pipeline.connect()));
}

/** No more connections than clients. */
function sharedBy<T>(order: LoadOrder, make: (port: number) => T): T[] {
  const { clients: most, connections: wanted = 1 } = order;
  const count = wanted === 'each' ? most : Math.min(most, wanted);
  return Array.from({ length: count }, (_, i) => make(portFor(order, i)));
}

function eachOn<T, C>(shared: readonly T[], order: LoadOrder, make: (connection: T) => C): C[] {
  return Array.from({ length: order.clients }, (_, i) => make(shared[i % shared.length] as T));
}

const portFor = ({ ports }: LoadOrder, i: number): number => ports[i % ports.length] ?? 0;

function talkOf({ protocol, valueBytes, workload, replicas = 0 }: LoadOrder): Talk {
  switch (protocol) {
    case 'http':
      return new KeysTalk(valueBytes);
    case 'dynamo':
      return new VersionsTalk(valueBytes, metadata);
    case 'etcd-json':
      return new EtcdJsonTalk(valueBytes);
    case 'redis':
      return new RedisTalk(valueBytes, replicas);
    case 'zookeeper':
      return new ZooKeeperTalk(valueBytes, workload === 'fill');
    case 'etcd-grpc':
      throw new Error('clients of gRPC have connections of their own kind');
  }
}

function pipelineTalkOf({ protocol, valueBytes, workload }: LoadOrder): PipelineTalk {
  if (protocol === 'http') return new KeysPipelineTalk(valueBytes);
  if (protocol === 'zookeeper') return new ZooKeeperPipelineTalk(valueBytes, workload === 'fill');
  throw new Error(`clients of ${protocol} share no connections`);
}

function go(): Promise<LoadResult> {
  if (run === undefined) throw new Error('nobody is connected');
  return run.go(clients);
}

async function close(): Promise<void> {
  await Promise.all(connections.map((connection) => connection.close()));
  [clients, connections] = [[], []];
}

serveQuestions({ connect, go, close });
