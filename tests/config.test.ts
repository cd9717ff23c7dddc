import fc from 'fast-check';
import { type ConfigOptions, configFrom, type NodeConfig } from '../kv/config';
import { NODE_NUMBERS, RAFT_NUMBERS } from '../kv/config_numbers';

const THREE: ConfigOptions = { nodeId: 'a:1', partners: ['b:2', 'c:3'], peerHost: '127.0.0.1' };

const REPLICA = { protocol: 'convergent', nodeId: '', partners: [] } as const;

function good(options: Partial<ConfigOptions> = {}): NodeConfig {
  const result = configFrom({ ...THREE, ...options });
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

/** The options that are complained about, and the complaints. */
function bad(options: object): { options: string[]; text: string } {
  const result = configFrom({ ...THREE, ...options } as ConfigOptions);
  if ('config' in result) return { options: [], text: '' };
  return {
    options: result.problems.map(({ option }) => option),
    text: result.problems.map(({ message }) => message).join('\n'),
  };
}

function warnings(options: Partial<ConfigOptions>): string[] {
  const result = configFrom({ ...THREE, ...options });
  return 'warnings' in result ? result.warnings.map(({ message }) => message) : ['not a config'];
}

test('the defaults are fine together, and a partner list is all that a node needs', () => {
  const config = good({ peerHost: undefined });
  expect(config).toMatchObject({
    nodeId: 'a:1',
    partners: ['b:2', 'c:3'],
    peerHost: 'a',
    peerPort: 1,
    httpHost: '127.0.0.1',
    httpPort: 8080,
    dataDir: undefined,
    secret: undefined,
    protocol: 'raft',
    logLevel: 'info',
    logFormat: 'text',
  });
  for (const [name, { standard }] of Object.entries(RAFT_NUMBERS)) {
    expect([name, Object(config.raft)[name]]).toEqual([name, standard]);
  }
});

test('an option that is undefined takes its default', () => {
  expect(
    good({ httpPort: undefined, logLevel: undefined, raft: { heartbeatMs: undefined } }),
  ).toEqual(good());
});

test('the config is frozen to the bottom', () => {
  const frozen = (value: unknown): boolean =>
    typeof value !== 'object' ||
    (Object.isFrozen(value) && Object.values(value ?? {}).every(frozen));
  expect(frozen(good())).toBe(true);
});

test('what the caller does with his lists afterwards changes nothing', () => {
  const partners = ['b:2'];
  const config = good({ partners });
  partners.push('evil:1');
  expect(config.partners).toEqual(['b:2']);
});

describe('the derived cluster id', () => {
  const idOf = (self: string, ...partners: string[]) => good({ nodeId: self, partners }).clusterId;

  test('is the same on all nodes that were given the same members', () => {
    const ids = [idOf('a:1', 'b:2', 'c:3'), idOf('b:2', 'c:3', 'a:1'), idOf('C:3', 'b:2', 'A:1')];
    expect(new Set(ids).size).toBe(1);
  });

  test('differs for other members', () => {
    const ids = [idOf('a:1'), idOf('a:1', 'b:2'), idOf('a:1', 'b:3'), idOf('a:1', 'b:2', 'c:3')];
    expect(new Set(ids).size).toBe(4);
  });

  test('gives way to one that is told', () => {
    expect(good({ clusterId: 'orders-1' }).clusterId).toBe('orders-1');
  });
});

test.each([
  [{ nodeId: 'a' }, 'nodeId'],
  [{ nodeId: 'a:0' }, 'nodeId'],
  [{ nodeId: 'a:65536' }, 'nodeId'],
  [{ nodeId: 'a:01' }, 'nodeId'],
  [{ nodeId: 7 }, 'nodeId'],
  [{ partners: ['b:2', 'x y:1'] }, 'partners'],
  [{ partners: ['b:2', 'B:2'] }, 'partners'],
  [{ partners: ['a:1'] }, 'partners'],
  [{ clusterId: '' }, 'clusterId'],
  [{ clusterId: 'a b' }, 'clusterId'],
  [{ clusterId: 'x'.repeat(65) }, 'clusterId'],
  [{ secret: 'short' }, 'secret'],
  [{ secret: '' }, 'secret'],
  [{ dataDir: '' }, 'dataDir'],
  [{ httpHost: 'a b' }, 'httpHost'],
  [{ peerHost: '' }, 'peerHost'],
  [{ httpPort: 1, httpHost: '127.0.0.1' }, 'httpPort'],
  [{ httpPort: -1 }, 'httpPort'],
  [{ httpPort: 1.5 }, 'httpPort'],
  [{ httpPort: '8080' }, 'httpPort'],
  [{ httpPort: Number.NaN }, 'httpPort'],
  [{ protocol: 'paxos' }, 'protocol'],
  [{ logLevel: 'loud' }, 'logLevel'],
  [{ logFormat: 'xml' }, 'logFormat'],
  [{ colour: 'red' }, 'colour'],
  [{ peerPort: 5 }, 'peerPort'],
  [{ raft: { speed: 1 } }, 'raft.speed'],
  [{ raft: { electionTimeoutMinMs: 1000 } }, 'raft.electionTimeoutMinMs'],
  [{ raft: { heartbeatMs: 167 } }, 'raft.heartbeatMs'],
  [
    { raft: { maxInflightBytes: 5 * 1024 * 1024, maxBytesPerMessage: 5 * 1024 * 1024 + 1 } },
    'raft.maxBytesPerMessage',
  ],
  [{ raft: { keepLogBytes: 65 * 1024 * 1024 } }, 'raft.keepLogBytes'],
  [{ maxBodyBytes: 17 * 1024 * 1024 }, 'maxBodyBytes'],
  [{ raft: { maxUncommittedBytes: 1024 * 1024 } }, 'maxBodyBytes'],
  [{ publicUrl: 'http://a:1' }, 'publicUrl'],
  [{ peers: ['http://a:1'] }, 'peers'],
  [{ protocol: 'convergent', nodeId: '', peers: [] }, 'partners'],
  [{ ...REPLICA, nodeId: 'a' }, 'nodeId'],
  [{ ...REPLICA, peers: ['http://a:1', 'b:2'] }, 'peers'],
  [{ ...REPLICA, peers: 'http://a:1' }, 'peers'],
  [{ ...REPLICA, peers: [7] }, 'peers'],
  [{ ...REPLICA, publicUrl: 'https://a' }, 'publicUrl'],
  [{ ...REPLICA, publicUrl: '' }, 'publicUrl'],
  [
    { protocol: 'dynamo', partners: [], dynamo: { standInMs: 5000, giveUpMs: 4999 } },
    'dynamo.standInMs',
  ],
  [{ ...REPLICA, convergent: { speed: 1 } }, 'convergent.speed'],
  [{ requestTimeoutMs: 5000, keyTtlMs: 4999 }, 'requestTimeoutMs'],
  [{ requestTimeoutMs: 5000, sessionTtlMs: 4999 }, 'requestTimeoutMs'],
])('%j is refused for %s', (options, option) => {
  const { options: complaints, text } = bad(options);
  expect(complaints).toEqual([option]);
  expect(text).toMatch(new RegExp(`^'${option.replace('.', '\\.')}' `));
});

test.each([
  [{ raft: { heartbeatMs: 166 } }],
  [{ raft: { electionTimeoutMinMs: 999 } }],
  [{ raft: { keepLogBytes: 64 * 1024 * 1024 } }],
  [{ maxBodyBytes: 16 * 1024 * 1024 }],
  [{ httpPort: 0 }],
  [{ secret: 'x'.repeat(16) }],
  [{ nodeId: '[::1]:6000', peerHost: '::1' }],
  [{ partners: [] }],
  // What Raft could not carry, others can.
  [{ ...REPLICA, maxBodyBytes: 32 * 1024 * 1024 }],
  [{ protocol: 'dynamo', partners: [], maxBodyBytes: 32 * 1024 * 1024 }],
])('%j is just right', (options) => {
  expect(bad(options).text).toBe('');
});

test('all problems are told at once', () => {
  const { options } = bad({
    nodeId: 'x',
    httpPort: 70_000,
    logLevel: 'loud',
    colour: 'red',
    raft: { heartbeatMs: 0, speed: 1 },
  });
  expect(new Set(options)).toEqual(
    new Set(['nodeId', 'httpPort', 'logLevel', 'colour', 'raft.heartbeatMs', 'raft.speed']),
  );
});

test('every number is refused just outside its range and taken at its edges', () => {
  const tables = { node: NODE_NUMBERS, raft: RAFT_NUMBERS };
  for (const [table, settings] of Object.entries(tables)) {
    for (const [name, { min, max }] of Object.entries(settings)) {
      const complaints = (value: number) => {
        const one = { [name]: value };
        return bad(table === 'raft' ? { raft: one } : one).text;
      };
      const outOfRange = `must be a whole number from ${min} to ${max}`;
      for (const value of [min - 1, max + 1, min + 0.5])
        expect(complaints(value)).toMatch(outOfRange);
      for (const value of [min, max]) expect(complaints(value)).not.toMatch(outOfRange);
    }
  }
});

test('whatever it is given, it answers with a config or with readable lines', () => {
  const names = [
    ...Object.keys(NODE_NUMBERS),
    'nodeId',
    'clusterId',
    'secret',
    'dataDir',
    'logLevel',
  ];
  const given = fc.dictionary(fc.constantFrom(...names), fc.anything());
  // An object without a text of its own was found by an unlucky draw.
  const examples: [Record<string, unknown>][] = [[{ httpPort: { toString: false } }]];
  fc.assert(
    fc.property(given, (options) => {
      const result = configFrom({ ...THREE, ...options } as ConfigOptions);
      if ('config' in result) return result.config.httpPort <= 65535;
      return result.problems.every(({ message }) => /^'[\w.]+' [^\n]{1,250}$/.test(message));
    }),
    { examples },
  );
});

describe('warnings', () => {
  test('none for a quiet cluster of one or three on loopback', () => {
    expect(warnings({})).toEqual([]);
    expect(warnings({ partners: [], peerHost: '0.0.0.0' })).toEqual([]);
    expect(warnings({ peerHost: '0.0.0.0', secret: 'x'.repeat(16) })).toEqual([]);
  });

  test.each([
    [{ peerHost: '0.0.0.0' }, /^'secret' is not set/],
    [{ partners: ['b:2'] }, /^'partners' make a cluster of 2/],
    [{ requestTimeoutMs: 999 }, /^'requestTimeoutMs' is shorter/],
  ])('%j', (options, expected) => {
    expect(warnings(options)).toEqual([expect.stringMatching(expected)]);
  });
});
