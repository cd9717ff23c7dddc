/**
 * The configuration of one node: one typed, frozen value, made in one place from what a program or
 * a command line gives, with every problem found at once.
 *
 * Units are in the names. Numbers are described by a table, from which come the types, the
 * defaults, the checks of range and the flags of the command line, so that these cannot disagree.
 */

import { createHash } from 'node:crypto';
import {
  type ConfigProblem,
  choice,
  type Numbers,
  numbers,
  Problems,
  shown,
} from './config_checks';
import { checkLog, type LogConfig, type LogConfigOptions, logConfigFrom } from './config_log';
import {
  CONVERGENT_NUMBERS,
  DYNAMO_NUMBERS,
  LOG_NUMBERS,
  NODE_NUMBERS,
  RAFT_NUMBERS,
} from './config_numbers';
import { isNamedByUrl, serviceAddress, urlsFrom } from './config_urls';
import { type NodeId, nodeId } from './core/ids';
import { parsePeerAddress } from './runtime/peer_options';

export const PROTOCOLS = ['raft', 'dynamo', 'convergent', 'log'] as const;
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export const LOG_FORMATS = ['text', 'json'] as const;

export type RaftConfig = Numbers<typeof RAFT_NUMBERS>;
export type DynamoConfig = Numbers<typeof DYNAMO_NUMBERS>;
export type ConvergentConfig = Numbers<typeof CONVERGENT_NUMBERS>;

export interface NodeConfig extends Numbers<typeof NODE_NUMBERS> {
  /** This node's own `host:port`, for its peers; of convergent and log, that of its service. */
  readonly nodeId: NodeId;
  /** The `host:port` of every other member; none for a cluster of one. */
  readonly partners: readonly NodeId[];
  /** Nodes of different clusters refuse each other. */
  readonly clusterId: string;
  readonly protocol: (typeof PROTOCOLS)[number];
  /** The address that the HTTP server binds. */
  readonly httpHost: string;
  /** The address that the peer listener binds; the host of the node's id unless told otherwise. */
  readonly peerHost: string;
  /** The port of the node's id. */
  readonly peerPort: number;
  /** The folder of the journal and the snapshots; undefined keeps everything in memory. */
  readonly dataDir: string | undefined;
  /** Known to all nodes of a cluster; when set, a peer has to prove that it knows it too. */
  readonly secret: string | undefined;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly logFormat: (typeof LOG_FORMATS)[number];
  readonly raft: RaftConfig;
  readonly dynamo: DynamoConfig;
  /** Of dynamo: what the node is called in lists; its id unless told otherwise. */
  readonly nodeName: string;
  /** Of dynamo: a member of the group to join; undefined begins a new group. */
  readonly seed: NodeId | undefined;
  readonly convergent: ConvergentConfig;
  readonly messageLog: LogConfig;
  /** Of convergent and log: the URL at which its peers reach this node. */
  readonly publicUrl: string;
  /** Of convergent: URLs of other replicas. */
  readonly peers: readonly string[];
}

/**
 * What a program may say; whatever is absent or undefined takes its default. A node of convergent
 * or log has no `nodeId`: an empty one.
 */
export type ConfigOptions = { readonly nodeId: string } & Partial<
  Loose<
    Omit<
      NodeConfig,
      'nodeId' | 'partners' | 'peerPort' | 'raft' | 'dynamo' | 'seed' | 'convergent' | 'messageLog'
    >
  >
> & {
    readonly seed?: string | undefined;
    readonly dynamo?: Loose<Partial<DynamoConfig>> | undefined;
    readonly convergent?: Loose<Partial<ConvergentConfig>> | undefined;
    readonly messageLog?: LogConfigOptions | undefined;
    readonly partners?: readonly string[] | undefined;
    readonly raft?: Loose<Partial<RaftConfig>> | undefined;
  };

type Loose<T> = { readonly [Name in keyof T]: T[Name] | undefined };

export type { ConfigProblem } from './config_checks';

export type ConfigResult =
  | { readonly config: NodeConfig; readonly warnings: readonly ConfigProblem[] }
  | { readonly problems: readonly ConfigProblem[] };

/** Fills in the defaults and checks everything; answers with a config or with all problems. */
export function configFrom(options: ConfigOptions): ConfigResult {
  const problems = new Problems();
  const config = fillIn(options, problems);
  if (problems.found.length === 0) checkTogether(config, problems);
  if (problems.found.length > 0) return { problems: problems.found };
  Object.freeze(config.partners);
  Object.freeze(config.raft);
  Object.freeze(config.dynamo);
  Object.freeze(config.convergent);
  Object.freeze(config.messageLog);
  return { config: Object.freeze(config), warnings: warningsAbout(config) };
}

function fillIn(options: ConfigOptions, problems: Problems): NodeConfig {
  const node = numbers(NODE_NUMBERS, options, '', problems);
  const httpHost = options.httpHost ?? '127.0.0.1';
  const byUrl = isNamedByUrl(options.protocol ?? '');
  const place = byUrl ? serviceAddress(httpHost, node.httpPort) : undefined;
  const self =
    place !== undefined && options.nodeId === ''
      ? place
      : address(options.nodeId, 'nodeId', problems);
  const urls = urlsFrom(options, place, problems);
  const partners = (options.partners ?? []).map((text) => address(text, 'partners', problems).id);
  const protocol = choice('protocol', options.protocol, PROTOCOLS, problems);
  const config = {
    ...node,
    ...urls,
    nodeId: self.id,
    partners,
    clusterId: options.clusterId ?? derivedClusterId(protocol, [self.id, ...partners]),
    protocol,
    httpHost,
    peerHost: options.peerHost ?? self.host,
    peerPort: self.port,
    dataDir: options.dataDir,
    secret: options.secret,
    logLevel: choice('logLevel', options.logLevel, LOG_LEVELS, problems, 'info'),
    logFormat: choice('logFormat', options.logFormat, LOG_FORMATS, problems),
    raft: numbers(RAFT_NUMBERS, options.raft ?? {}, 'raft.', problems),
    dynamo: numbers(DYNAMO_NUMBERS, options.dynamo ?? {}, 'dynamo.', problems),
    convergent: numbers(CONVERGENT_NUMBERS, options.convergent ?? {}, 'convergent.', problems),
    messageLog: logConfigFrom(
      options.messageLog ?? {},
      numbers(LOG_NUMBERS, options.messageLog ?? {}, 'messageLog.', problems),
      problems,
    ),
    nodeName: options.nodeName ?? self.id,
    seed: options.seed === undefined ? undefined : address(options.seed, 'seed', problems).id,
  };
  refuseUnknown(options, config, '', problems);
  refuseUnknown(options.raft ?? {}, config.raft, 'raft.', problems);
  refuseUnknown(options.dynamo ?? {}, config.dynamo, 'dynamo.', problems);
  refuseUnknown(options.convergent ?? {}, config.convergent, 'convergent.', problems);
  refuseUnknown(options.messageLog ?? {}, config.messageLog, 'messageLog.', problems);
  checkTexts(config, problems);
  return config;
}

/** Host names have no case, and a port has one spelling, so that equal nodes have equal ids. */
function address(text: unknown, option: string, problems: Problems) {
  const found = typeof text === 'string' ? parsePeerAddress(text.toLowerCase()) : undefined;
  const canonical = found?.id.endsWith(`:${found.port}`) ?? false;
  problems.unless(canonical, option, `must be host:port, like 127.0.0.1:6000, not ${shown(text)}`);
  return found ?? { id: nodeId('unknown'), host: 'unknown', port: 0 };
}

/** Equal for all nodes that were given the same members, in whatever order. */
function derivedClusterId(protocol: string, members: readonly string[]): string {
  // Members of such a group come and go, so they cannot be its name.
  if (protocol === 'dynamo' || isNamedByUrl(protocol)) return protocol;
  const text = [protocol, ...[...members].sort()].join('\n');
  return `auto-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}

function refuseUnknown(given: object, known: object, prefix: string, problems: Problems): void {
  const unknown = Object.keys(given).filter((name) => !(name in known) || name === 'peerPort');
  for (const name of unknown) problems.unless(false, prefix + name, 'is not an option');
}

function checkTexts(config: NodeConfig, problems: Problems): void {
  const { clusterId, secret, dataDir, httpHost, peerHost, nodeName, protocol, seed } = config;
  const isShort = typeof nodeName === 'string' && /^[\w.:[\]-]{1,255}$/.test(nodeName);
  problems.unless(isShort, 'nodeName', 'must be 1 to 255 letters, digits, dots, colons, _ or -');
  const isMeant = protocol === 'dynamo' || seed === undefined;
  problems.unless(isMeant, 'seed', `is for the protocol dynamo, not for ${protocol}`);
  const byUrl = isNamedByUrl(protocol);
  const isAlone = (protocol !== 'dynamo' && !byUrl) || config.partners.length === 0;
  const urls = protocol === 'log' ? "'messageLog.secondaries'" : "'peers'";
  const instead = byUrl ? `URLs as ${urls}` : "one member as 'seed'";
  problems.unless(isAlone, 'partners', `are not for ${protocol}: give ${instead}`);
  const noPeers = protocol !== 'log' || config.peers.length === 0;
  problems.unless(noPeers, 'peers', 'are not for log: its nodes have one master');
  problems.unless(seed !== config.nodeId, 'seed', 'must not be this node itself');
  const isName = typeof clusterId === 'string' && /^[\w.-]{1,64}$/.test(clusterId);
  problems.unless(isName, 'clusterId', 'must be 1 to 64 letters, digits, dots, _ or -');
  const isSecret = typeof secret === 'string' && secret.length >= 16 && secret.length <= 1024;
  problems.unless(secret === undefined || isSecret, 'secret', 'must have 16 to 1024 characters');
  const isFolder = typeof dataDir === 'string' && dataDir !== '' && !dataDir.includes('\0');
  problems.unless(dataDir === undefined || isFolder, 'dataDir', 'must be the path of a folder');
  for (const [option, host] of Object.entries({ httpHost, peerHost })) {
    const isHost = typeof host === 'string' && /^[\w.:-]+$/.test(host);
    problems.unless(isHost, option, `must be an address or a host name, not ${shown(host)}`);
  }
}

/** Rules between settings: each is fine by itself, but not beside the other. */
function checkTogether(config: NodeConfig, problems: Problems): void {
  const { nodeId: self, partners, raft } = config;
  problems.unless(!partners.includes(self), 'partners', `must not name this node itself (${self})`);
  const twice = partners.find((one, i) => partners.indexOf(one) < i);
  problems.unless(twice === undefined, 'partners', `must not name ${twice} twice`);
  checkLog(config.protocol === 'log', config.messageLog, config.publicUrl, problems);
  const samePort =
    !isNamedByUrl(config.protocol) &&
    config.httpPort === config.peerPort &&
    config.httpHost === config.peerHost;
  problems.unless(!samePort, 'httpPort', `must differ from the port of 'nodeId' (${self})`);

  const { electionTimeoutMinMs, electionTimeoutMaxMs, heartbeatMs } = raft;
  problems.unless(
    electionTimeoutMinMs < electionTimeoutMaxMs,
    'raft.electionTimeoutMinMs',
    `(${electionTimeoutMinMs}) must be less than 'raft.electionTimeoutMaxMs' (${electionTimeoutMaxMs}), so that candidates do not collide`,
  );
  problems.unless(
    heartbeatMs * 3 <= electionTimeoutMinMs,
    'raft.heartbeatMs',
    `(${heartbeatMs}) must be at most a third of 'raft.electionTimeoutMinMs' (${electionTimeoutMinMs}), so that one lost heartbeat starts no election`,
  );
  const values: Readonly<Record<string, number>> = {
    ...Object.fromEntries(Object.entries(raft).map(([name, value]) => [`raft.${name}`, value])),
    ...{ 'dynamo.standInMs': config.dynamo.standInMs, 'dynamo.giveUpMs': config.dynamo.giveUpMs },
    maxBodyBytes: config.maxBodyBytes,
    requestTimeoutMs: config.requestTimeoutMs,
    keyTtlMs: config.keyTtlMs,
    sessionTtlMs: config.sessionTtlMs,
  };
  for (const [smaller, larger] of AT_MOST[config.protocol] ?? []) {
    const [low, high] = [values[smaller] as number, values[larger] as number];
    problems.unless(low <= high, smaller, `(${low}) must be at most '${larger}' (${high})`);
  }
}

/** The first of each pair must not be larger than the second, in the protocol that knows both. */
const AT_MOST: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  raft: [
    ['raft.maxBytesPerMessage', 'raft.maxInflightBytes'],
    ['raft.snapshotSliceBytes', 'raft.maxInflightBytes'],
    ['raft.keepLogBytes', 'raft.snapshotLogBytes'],
    ['maxBodyBytes', 'raft.maxInflightBytes'],
    ['maxBodyBytes', 'raft.maxUncommittedBytes'],
    ['requestTimeoutMs', 'keyTtlMs'],
    ['requestTimeoutMs', 'sessionTtlMs'],
  ],
  dynamo: [['dynamo.standInMs', 'dynamo.giveUpMs']],
};

/** What is allowed but deserves a line in the log. */
function warningsAbout(config: NodeConfig): ConfigProblem[] {
  const warnings = new Problems();
  const { peerHost, partners, secret, protocol } = config;
  // A group of the leaderless system lets anybody in who knows the secret.
  const isAlone = partners.length === 0 && protocol !== 'dynamo';
  warnings.unless(
    secret !== undefined || isAlone || isLoopback(peerHost),
    'secret',
    `is not set and peers are listened for on ${peerHost}: whoever reaches that port can act as a member`,
  );
  warnings.unless(
    secret !== undefined || !isNamedByUrl(config.protocol) || isLoopback(config.httpHost),
    'secret',
    `is not set and peers come to ${config.httpHost}: whoever reaches that port can act as a node`,
  );
  const members = partners.length + 1;
  warnings.unless(
    members === 1 || members % 2 === 1,
    'partners',
    `make a cluster of ${members}, which survives no more failures than one of ${members - 1}`,
  );
  warnings.unless(
    protocol !== 'raft' || config.requestTimeoutMs >= config.raft.electionTimeoutMaxMs,
    'requestTimeoutMs',
    "is shorter than 'raft.electionTimeoutMaxMs', so that requests give up during an election",
  );
  return warnings.found;
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127\./.test(host);
