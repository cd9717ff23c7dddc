/**
 * The process that makes the load. It is apart from the rest so that what it costs can be seen, and
 * there is one for each system, so that the code of one is not slowed down by the habits of another.
 */

import { Client } from './client';
import { EtcdJsonTalk, KeysTalk } from './http_talk';
import type { LoadOrder, LoadResult } from './load_order';
import { serveQuestions } from './questions';
import { Run } from './run';
import type { Talk } from './talk';

interface Party {
  start(now: number): void;
  close(): Promise<void>;
}

let run: Run | undefined;
let parties: readonly Party[] = [];

async function connect(order: LoadOrder): Promise<void> {
  run = new Run(order);
  const clients = Array.from({ length: order.clients }, () => new Client(made(run), talkOf(order)));
  parties = clients;
  await Promise.all(
    clients.map((client, i) => client.connect(made(order.ports[i % order.ports.length]))),
  );
}

function talkOf({ protocol, valueBytes }: LoadOrder): Talk {
  switch (protocol) {
    case 'http':
      return new KeysTalk(valueBytes);
    case 'etcd-json':
      return new EtcdJsonTalk(valueBytes);
    default:
      throw new Error(`nobody here speaks ${protocol}`);
  }
}

const go = (): Promise<LoadResult> => made(run).go(parties);

async function close(): Promise<void> {
  await Promise.all(parties.map((party) => party.close()));
  parties = [];
}

function made<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the generator was asked out of turn');
  return value;
}

serveQuestions({ connect, go, close });
