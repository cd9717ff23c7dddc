/**
 * The commands of the golden scripts of Raft, in plain words. Each acts on a cluster and returns
 * the lines to show; what the nodes narrate meanwhile is added by the runner.
 *
 *     cluster 3 [seed=7] [heartbeatMs=20 …]      a new cluster, with options of the core
 *     preload n1 1 1 4 [term=8]                  start n1 anew with entries of these terms
 *     elect n1                                   make n1 leader: only votes are delivered
 *     timeout n1                                 let n1's election timeout pass, by its clock only
 *     put n1 a "cat" [key=k] [timeout=500]       also append, delete; n1 is the node asked
 *     puts n1 a=1 b=2                            several writes in one step
 *     read n1 a [lease|stale] [max_staleness=] [min_index=] [timeout=]      reads n1 a b: one step
 *     transfer n1                                ask n1 to hand its leadership over
 *     deliver [first|last] [n1 → n2] [Kind]      also drop, duplicate, reorder, hold (set aside)
 *     together …                                 deliver, all messages for a node in one step
 *     unhold                                     put what was set aside back into flight
 *     partition n1 | n2 n3      heal      link n1 n2 up
 *     advance 500     run 500    clock n1 200     time: messages wait | are delivered | of one node
 *     pause n1 1000      wake n1                  its process stands still meanwhile | is called
 *     slow n1    fast n1    persist n1 [2]        a slow disk finishes only what persist tells it to
 *     crash n1 [kept=1]         restart n1 [wiped]
 *     stabilize                                  deliver and persist until quiet (10 ms pass)
 *     status [n1]    log n1    inflight    journal n1    progress n1         show
 *     expect leader n1 | follower n1 | role n1 … | term n1 3 | commit n1 5 | value n1 a "cat"
 *            | answer 2 ok | open 2 | inflight 0 | same
 */

import { type LogIndex, type Millis, type RequestId, requestId } from '../../kv/core/ids';
import { decodeRecord } from '../../kv/core/raft/journal';
import { describe } from '../../kv/core/raft/narration';
import type { RaftOptions } from '../../kv/core/raft/options';
import { append, put, RaftCluster, remove, replyText } from './raft_cluster';
import type { InFlight } from './raft_network';
import { parseFilter, Words } from './script_words';

type Lines = readonly string[];
type Run = (world: ScriptWorld, words: Words) => Lines;

/** The cluster that a script acts on. */
export class ScriptWorld {
  private current: RaftCluster | undefined;
  /** Messages that were set aside. */
  held: InFlight[] = [];

  get cluster(): RaftCluster {
    if (this.current === undefined) throw new Error('begin with `cluster 3`');
    return this.current;
  }

  begin(cluster: RaftCluster): void {
    this.current = cluster;
  }

  /** Runs one command; what the nodes narrated comes first, then what the command shows. */
  run(text: string): string[] {
    const words = new Words(text);
    const verb = words.next('the command');
    const command = Object.hasOwn(COMMANDS, verb) ? COMMANDS[verb] : undefined;
    if (command === undefined) throw new Error(`there is no command ${verb}`);
    const from = this.current?.trace.length ?? 0;
    const shown = command(this, words);
    words.end();
    this.cluster.checkCluster();
    return [...this.cluster.trace.slice(from), ...shown];
  }
}

/** For a command that shows nothing of its own. */
const done = (_: unknown): Lines => [];

const COMMANDS: Readonly<Record<string, Run>> = {
  cluster: (world, words) => {
    const nodes = words.number('the number of nodes');
    const seed = words.numberOption('seed') ?? 1;
    const options = Object.fromEntries(
      words.remainingOptions().map(([name, value]) => [name, Number(value)]),
    ) as Partial<RaftOptions>;
    world.begin(new RaftCluster({ nodes, seed, options, trace: true }));
    return [];
  },
  preload: ({ cluster }, words) => {
    const id = words.next('the node');
    const terms = words.rest().map(Number);
    cluster.preload(id, terms, words.numberOption('term'));
    return logLine(cluster, id);
  },

  elect: ({ cluster }, words) => done(cluster.elect(words.next('the node'))),
  timeout: ({ cluster }, words) => {
    const id = words.next('the node');
    const { role } = cluster.node(id).inspect;
    if (role.kind === 'leader') throw new Error(`${id} leads`);
    cluster.advanceClock(id, role.electionDeadline - cluster.clock(id));
    return [];
  },

  put: (world, words) => write(world, words, put),
  append: (world, words) => write(world, words, append),
  delete: (world, words) => write(world, words, remove),
  puts: ({ cluster }, words) => {
    const id = words.next('the node');
    const pairs = words.remainingOptions();
    cluster.requests(
      id,
      pairs.map(([key, value]) => cluster.write(id, put(key, value))),
    );
    return [];
  },
  read,
  reads: read,
  transfer: ({ cluster }, words) => {
    cluster.transfer(words.next('the node'), words.numberOption('timeout'));
    return [];
  },

  deliver: ({ cluster }, words) => {
    cluster.deliver(parseFilter(words, cluster.inflight));
    return [];
  },
  together: ({ cluster }, words) => {
    cluster.deliverTogether(parseFilter(words, cluster.inflight));
    return [];
  },
  drop: ({ cluster }, words) => {
    const filter = parseFilter(words, cluster.inflight);
    const lost = cluster.inflight.filter(filter).map((each) => `lost: ${inFlightText(each)}`);
    cluster.drop(filter);
    return lost;
  },
  duplicate: ({ cluster }, words) => {
    cluster.duplicate(parseFilter(words, cluster.inflight));
    return [];
  },
  reorder: ({ cluster }, words) => {
    cluster.reorder(parseFilter(words, cluster.inflight));
    return [];
  },
  hold: (world, words) => {
    const { cluster } = world;
    const taken = cluster.network.take(parseFilter(words, cluster.inflight));
    world.held.push(...taken);
    return taken.map((each) => `set aside: ${inFlightText(each)}`);
  },
  unhold: (world) => {
    world.cluster.network.inflight.push(...world.held.splice(0));
    return [];
  },
  partition: ({ cluster }, words) => {
    const groups = words.rest().join(' ').split('|');
    cluster.partition(...groups.map((group) => group.trim().split(' ')));
    return [];
  },
  heal: ({ cluster }) => done(cluster.heal()),
  link: ({ cluster }, words) => {
    const [id, peer] = [words.next('the node'), words.next('the peer')];
    cluster.link(id, peer, words.next('up or down') === 'up');
    return [];
  },

  advance: ({ cluster }, words) => done(cluster.advance(words.number('the time'))),
  run: ({ cluster }, words) => done(cluster.run(words.number('the time'))),
  clock: ({ cluster }, words) =>
    done(cluster.advanceClock(words.next('the node'), words.number('the time'))),
  pause: ({ cluster }, words) =>
    done(cluster.pause(words.next('the node'), words.number('the time'))),
  wake: ({ cluster }, words) => done(cluster.tick(words.next('the node'))),
  stabilize: ({ cluster }) => done(cluster.stabilize()),

  slow: ({ cluster }, words) => done(cluster.slowDisk(words.next('the node'))),
  fast: ({ cluster }, words) => done(cluster.slowDisk(words.next('the node'), false)),
  persist: ({ cluster }, words) => {
    const id = words.next('the node');
    cluster.persist(id, words.left > 0 ? words.number('the count') : undefined);
    return [];
  },
  crash: ({ cluster }, words) =>
    done(cluster.crash(words.next('the node'), { kept: words.numberOption('kept') ?? 0 })),
  restart: ({ cluster }, words) => {
    const id = words.next('the node');
    cluster.restart(id, { wiped: words.takes('wiped') });
    return [cluster.statusLine(id)];
  },

  status: ({ cluster }, words) => {
    const ids = words.left > 0 ? words.rest() : cluster.ids;
    return ids.map((id) => cluster.statusLine(id));
  },
  log: ({ cluster }, words) => words.rest().flatMap((id) => logLine(cluster, id)),
  progress: ({ cluster }, words) =>
    cluster
      .node(words.next('the leader'))
      .status()
      .peers.map(({ id, mode, nextIndex, matchIndex }) => {
        return `${id} ${mode} match=${matchIndex} next=${nextIndex}`;
      }),
  journal: ({ cluster }, words) =>
    cluster.disk(words.next('the node')).durableRecords.flatMap(recordText),
  inflight: ({ cluster }) => cluster.inflight.map(inFlightText),
  expect: ({ cluster }, words) => {
    expectThat(cluster, words.next('what'), words);
    return [];
  },
};

function write(
  { cluster }: ScriptWorld,
  words: Words,
  command: (key: string, value: string) => ReturnType<typeof put>,
): Lines {
  const id = words.next('the node');
  const [idempotencyKey, timeoutMs] = [words.option('key'), words.numberOption('timeout')];
  const made = command(words.next('the key'), words.rest().join(' '));
  cluster.propose(id, made, {
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  });
  return [];
}

function read({ cluster }: ScriptWorld, words: Words): Lines {
  const id = words.next('the node');
  const maxStaleness = words.numberOption('max_staleness');
  const minIndex = words.numberOption('min_index');
  const timeoutMs = words.numberOption('timeout');
  const rest = words.rest();
  const level = LEVELS.find((each) => rest.at(-1) === each);
  const keys = level === undefined ? rest : rest.slice(0, -1);
  const how = {
    ...(level !== undefined && { level }),
    ...(maxStaleness !== undefined && { maxStaleness: maxStaleness as Millis }),
    ...(minIndex !== undefined && { minIndex: minIndex as LogIndex }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  };
  cluster.requests(
    id,
    keys.map((key) => cluster.readRequest(id, key, how)),
  );
  return [];
}

const LEVELS = ['lease', 'stale'] as const;

function expectThat(cluster: RaftCluster, what: string, words: Words): void {
  const is = (found: unknown, expected: unknown) => {
    if (String(found) !== String(expected)) throw new Error(`it is ${found}`);
  };
  switch (what) {
    case 'leader':
      return is(cluster.leaders[0] ?? 'nobody', words.next('the node'));
    case 'leaders':
      return is(cluster.leaders.join(' '), words.rest().join(' '));
    case 'role':
      return is(cluster.node(words.next('the node')).inspect.role.kind, words.next('the role'));
    case 'term':
      return is(cluster.node(words.next('the node')).inspect.term, words.next('the term'));
    case 'commit':
      return is(cluster.node(words.next('the node')).inspect.commit, words.next('the index'));
    case 'value': {
      const [id, key] = [words.next('the node'), words.next('the key')];
      return is(cluster.peek(id, key) ?? 'nothing', words.rest().join(' '));
    }
    case 'answer': {
      const reply = cluster.reply(requestOf(words));
      const found = reply === undefined ? 'not answered' : replyText(reply).replace(/ \(.*/, '');
      return is(found, words.rest().join(' '));
    }
    case 'open':
      return is(cluster.reply(requestOf(words))?.kind ?? 'open', 'open');
    case 'inflight':
      return is(cluster.inflight.length, words.next('the number'));
    case 'same':
      return is(new Set(cluster.ids.map((id) => cluster.stateOf(id))).size, 1);
    default:
      throw new Error(`cannot expect ${what}`);
  }
}

const requestOf = (words: Words): RequestId => requestId(words.number('the request'));

const inFlightText = ({ from, to, message }: InFlight): string =>
  `${from} → ${to} ${describe(message)}`;

/** Every entry of a node's log as index@term, with the base in front. */
function logLine(cluster: RaftCluster, id: string): Lines {
  const { log } = cluster.node(id).inspect;
  const entries: string[] = [];
  for (let at = log.firstIndex; at <= log.lastIndex; at++) {
    entries.push(`${at}@${log.entryAt(at).term}`);
  }
  return [`${id} log base=${log.baseIndex}@${log.baseTerm} [${entries.join(' ')}]`];
}

function recordText(each: Parameters<typeof decodeRecord>[0]): string | string[] {
  const record = decodeRecord(each);
  switch (record.kind) {
    case 'hard_state':
      return `term=${record.term} vote=${record.votedFor ?? '-'}`;
    case 'entries':
      return Array.from(record.entries, (entry) => {
        return `entry ${entry.index}@${entry.term} ${entry.kind}`;
      });
    default:
      return `${record.kind} ${record.index}@${record.term}`;
  }
}
