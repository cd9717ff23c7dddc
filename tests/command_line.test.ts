import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CommandLine, parseCommandLine } from '../kv/command_line';
import { configFrom, type NodeConfig } from '../kv/config';
import {
  CONVERGENT_NUMBERS,
  DYNAMO_NUMBERS,
  LOG_NUMBERS,
  NODE_NUMBERS,
  RAFT_NUMBERS,
} from '../kv/config_numbers';

const ONE = ['8080', '127.0.0.1:6000'];

function run(...flags: string[]): NodeConfig {
  const line = parseCommandLine([...ONE, ...flags]);
  if (line.kind === 'exit') throw new Error(line.stderr);
  return line.config;
}

/** What is said on stderr about arguments that make no sense. */
function refused(args: readonly string[]): string {
  const line: CommandLine = parseCommandLine(args);
  if (line.kind === 'run') throw new Error(`${args.join(' ')} was accepted`);
  expect(line.code).toBe(2);
  expect(line.stdout).toBeUndefined();
  return line.stderr ?? '';
}

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

test('ports and addresses alone give the defaults, and a folder named after the port', () => {
  const line = parseCommandLine(['8080', '127.0.0.1:6000', '127.0.0.1:6001', '127.0.0.1:6002']);
  const expected = configFrom({
    nodeId: '127.0.0.1:6000',
    partners: ['127.0.0.1:6001', '127.0.0.1:6002'],
    httpPort: 8080,
    dataDir: join('data', '8080'),
  });
  expect(line).toEqual({ kind: 'run', warnings: [], ...expected });
});

test('without a fixed HTTP port the folder is named after the peer port', () => {
  const line = parseCommandLine(['0', '127.0.0.1:6000']);
  expect(line).toMatchObject({ config: { httpPort: 0, dataDir: join('data', '6000') } });
});

test('every number has a flag that sets it and only it', () => {
  const standard = run();
  for (const name of Object.keys(NODE_NUMBERS).filter((one) => one !== 'httpPort')) {
    const value = Object(standard)[name] + 1;
    expect(run(`--${kebab(name)}`, String(value))).toEqual({ ...standard, [name]: value });
  }
  for (const name of Object.keys(RAFT_NUMBERS)) {
    const value = Object(standard.raft)[name] + 1;
    const raft = { ...standard.raft, [name]: value };
    expect(run(`--${kebab(name)}`, String(value))).toEqual({ ...standard, raft });
  }
});

test.each([
  ['--data-dir', 'elsewhere', { dataDir: 'elsewhere' }],
  ['--data-dir', '007', { dataDir: '007' }],
  ['--http-host', '0.0.0.0', { httpHost: '0.0.0.0' }],
  ['--peer-host', '::', { peerHost: '::' }],
  ['--cluster-id', '42', { clusterId: '42' }],
  ['--protocol', 'raft', { protocol: 'raft' }],
  ['--log-level', 'debug', { logLevel: 'debug' }],
  ['--log-format', 'json', { logFormat: 'json' }],
  ['--max-body-bytes', '64KiB', { maxBodyBytes: 65536 }],
  ['--max-body-bytes', '2MiB', { maxBodyBytes: 2097152 }],
  ['--max-body-bytes', '4096', { maxBodyBytes: 4096 }],
])('%s %s', (flag, value, expected) => {
  expect(run(flag, value)).toEqual({ ...run(), ...expected });
  expect(run(`${flag}=${value}`)).toEqual({ ...run(), ...expected });
});

describe('a node of the replicated log', () => {
  const log = (...args: string[]): NodeConfig => {
    const line = parseCommandLine([...args, '--protocol', 'log']);
    if (line.kind === 'exit') throw new Error(line.stderr);
    return line.config;
  };
  const MASTER = ['--master', 'http://localhost:5000'];

  test('is a master of the secondaries that it is told', () => {
    const urls = 'http://localhost:5001,http://localhost:5002/';
    expect(log('5000', '--secondaries', urls)).toMatchObject({
      ...{ protocol: 'log', httpPort: 5000, dataDir: join('data', '5000'), clusterId: 'log' },
      publicUrl: 'http://127.0.0.1:5000',
      messageLog: {
        ...{ master: undefined, quorumAppend: false, allowClear: false, existingLog: false },
        secondaries: ['http://localhost:5001', 'http://localhost:5002'],
      },
    });
    expect(log('5000').messageLog.secondaries).toEqual([]);
  });

  test('is a secondary of the master that it is told, and may be slow and fail', () => {
    const trouble = ['--delay-ms', '20', '--error-rate', '0.25', '--error-when=after'];
    expect(log('5001', ...MASTER, ...trouble).messageLog).toMatchObject({
      master: 'http://localhost:5000',
      ...{ delayMs: 20, errorRate: 0.25, errorWhen: 'after' },
    });
  });

  test('is told what it means to be reached from everywhere without a secret', () => {
    const args = ['5000', '--protocol', 'log', '--http-host', '0.0.0.0'];
    const line = parseCommandLine(args);
    expect(line.kind === 'run' && line.warnings).toEqual([
      '--secret-file is not set and peers come to 0.0.0.0: whoever reaches that port can act as a node',
    ]);
  });

  test('its switches and numbers have flags', () => {
    const standard = log('5001', ...MASTER);
    expect(log('5001', ...MASTER, '--allow-clear').messageLog.allowClear).toBe(true);
    expect(log('5001', ...MASTER, '--quorum-append').messageLog.quorumAppend).toBe(true);
    expect(log('5000', '--existing-log').messageLog.existingLog).toBe(true);
    for (const name of Object.keys(LOG_NUMBERS)) {
      const value = Object(standard.messageLog)[name] + 1;
      const messageLog = { ...standard.messageLog, [name]: value };
      expect(log('5001', ...MASTER, `--${kebab(name)}=${value}`)).toEqual({
        ...standard,
        messageLog,
      });
    }
  });

  test.each([
    [['a:1'], '<self> is not for log'],
    [['--secondaries', 'http://a:1,x'], '--secondaries is not the URL of a node, "x"'],
    [['--secondaries', 'http://a:1,http://a:1/'], '--secondaries must not name http://a:1 twice'],
    [['--secondaries', 'https://a:1'], 'it must begin with http://'],
    [['--secondaries', 'http://127.0.0.1:5000'], '--secondaries must not name this node itself'],
    [['--master', 'localhost'], '--master is not the URL of a node, "localhost"'],
    [['--master', 'http://127.0.0.1:5000'], '--master must not name this node itself'],
    [[...MASTER, '--secondaries', 'http://a:1'], '--secondaries are for the master, and --master'],
    [['--delay-ms', '5'], '--delay-ms is for a secondary, with --master'],
    [['--error-rate', '0.5'], '--error-rate is for a secondary, with --master'],
    [[...MASTER, '--error-rate', '1.5'], '--error-rate must be a number from 0 to 1'],
    [[...MASTER, '--error-rate', 'often'], '--error-rate must be a number from 0 to 1'],
    [[...MASTER, '--error-when', 'now'], '--error-when must be one of before, after, not "now"'],
    [['--suspect-after-ms', '5000'], '--suspect-after-ms (5000) must be at most --unhealthy-after'],
    [['--peers', 'http://a:1'], '--peers are not for log'],
    [['--retain-messages', '-1'], '--retain-messages must be a whole number, not "-1"'],
  ])('refuses %j', (flags, why) => {
    expect(refused(['5000', ...flags, '--protocol', 'log'])).toContain(why);
  });

  test('another protocol has no master and no secondaries', () => {
    expect(refused([...ONE, ...MASTER])).toContain('--master is for the protocol log');
    expect(refused([...ONE, '--secondaries', 'http://a:1'])).toContain(
      '--secondaries are for the protocol log',
    );
  });
});

describe('a replica of the convergent system', () => {
  const convergent = (...args: string[]): NodeConfig => {
    const line = parseCommandLine([...args, '--protocol', 'convergent']);
    if (line.kind === 'exit') throw new Error(line.stderr);
    return line.config;
  };

  test('needs a port and nothing else', () => {
    expect(convergent('8000')).toMatchObject({
      ...{ protocol: 'convergent', httpPort: 8000, dataDir: join('data', '8000') },
      ...{ publicUrl: 'http://127.0.0.1:8000', peers: [], clusterId: 'convergent' },
    });
  });

  test('knows its peers by URL, and may be told its own', () => {
    const urls = 'http://localhost:8001,http://example.org/kv/';
    const flags = ['--peers', urls, '--public-url=http://kv.example.org'];
    expect(convergent('8000', ...flags, '--http-host', '0.0.0.0')).toMatchObject({
      publicUrl: 'http://kv.example.org:80',
      peers: ['http://localhost:8001', 'http://example.org:80/kv'],
    });
    expect(convergent('8000', '--http-host', '0.0.0.0').publicUrl).toBe(
      `http://${hostname()}:8000`.toLowerCase(),
    );
  });

  test('its numbers have flags', () => {
    const standard = convergent('8000');
    for (const name of Object.keys(CONVERGENT_NUMBERS)) {
      const value = Object(standard.convergent)[name] + 1;
      const changed = { ...standard.convergent, [name]: value };
      expect(convergent('8000', `--${kebab(name)}=${value}`)).toEqual({
        ...standard,
        convergent: changed,
      });
    }
  });
});

describe('a node of the leaderless system', () => {
  const dynamo = (...args: string[]): NodeConfig => run('--protocol', 'dynamo', ...args);

  test('has a name and a seed; without them it is called by its address and begins a group', () => {
    expect(dynamo()).toMatchObject({
      ...{ protocol: 'dynamo', nodeName: '127.0.0.1:6000', seed: undefined, partners: [] },
      ...{ clusterId: 'dynamo' },
    });
    const named = dynamo('--node-name', 'node01', '--seed', 'LOCALHOST:9701');
    expect(named).toMatchObject({ nodeName: 'node01', seed: 'localhost:9701' });
  });

  test('its numbers have flags', () => {
    const standard = dynamo();
    for (const name of Object.keys(DYNAMO_NUMBERS)) {
      const value = Object(standard.dynamo)[name] + 1;
      const changed = { ...standard.dynamo, [name]: value };
      expect(dynamo(`--${kebab(name)}=${value}`)).toEqual({ ...standard, dynamo: changed });
    }
  });

  test('whoever listens to the world without a secret is warned', () => {
    const args = ['8080', '10.0.0.1:6000', '--protocol', 'dynamo'];
    const line = parseCommandLine(args);
    expect(line).toMatchObject({ warnings: [expect.stringContaining('--secret-file is not set')] });
    expect(parseCommandLine([...ONE, '--protocol', 'dynamo'])).toMatchObject({ warnings: [] });
  });

  test.each([
    [['127.0.0.1:6001'], '<partner> are not for dynamo: give one member as --seed'],
    [['--seed', 'nowhere'], '--seed must be host:port, like 127.0.0.1:6000, not "nowhere"'],
    [['--seed', '127.0.0.1:6000'], '--seed must not be this node itself'],
    [['--node-name', 'a b'], '--node-name must be 1 to 255 letters'],
    [['--replicas', '0'], '--replicas must be a whole number from 1 to 16'],
    [['--replicas', 'three'], '--replicas must be a whole number'],
    [['--max-siblings', '257'], '--max-siblings must be a whole number from 1 to 256'],
    [['--max-hints', '-1'], '--max-hints must be a whole number'],
    [['--stand-in-ms', '700'], '--stand-in-ms (700) must be at most --give-up-ms (600)'],
  ])('%j is refused', (args, complaint) => {
    expect(refused([...ONE, '--protocol', 'dynamo', ...args])).toContain(complaint);
  });

  test('a seed is for it alone', () => {
    expect(refused([...ONE, '--seed', '127.0.0.1:9701'])).toContain(
      '--seed is for the protocol dynamo, not for raft',
    );
  });
});

describe('the secret', () => {
  const folder = mkdtempSync(join(tmpdir(), 'quorum-kv-'));
  const file = join(folder, 'secret');
  afterAll(() => rmSync(folder, { recursive: true }));

  test('is the content of a file, without the newline at its end', () => {
    writeFileSync(file, 'correct horse battery staple\n');
    expect(run('--secret-file', file).secret).toBe('correct horse battery staple');
  });

  test('must be worth something, and is not repeated in the complaint', () => {
    writeFileSync(file, 'hunter2\n');
    const complaint = refused([...ONE, '--secret-file', file]);
    expect(complaint).toMatch(/--secret-file must have 16 to 1024 characters/);
    expect(complaint).not.toMatch('hunter2');
  });

  test('a file that is not there is one clear line', () => {
    expect(refused([...ONE, '--secret-file', join(folder, 'nope')])).toMatch(
      /^kvstorage_http: --secret-file cannot be read: ENOENT.*\n$/,
    );
  });
});

test.each([
  [[], 'needs <http_port> <self host:port>'],
  [['8080'], 'needs <http_port> <self host:port>'],
  [[...ONE, '--colour', 'red'], 'unknown flag --colour'],
  [[...ONE, '--colour=red'], 'unknown flag --colour'],
  [[...ONE, '-x'], 'unknown flag -x'],
  [[...ONE, '--no-data-dir'], 'unknown flag --no-data-dir'],
  [[...ONE, '--heartbeatMs', '5'], 'unknown flag --heartbeatMs'],
  [[...ONE, '--http-port', '5'], 'unknown flag --http-port'],
  [[...ONE, '--heartbeat-ms'], '--heartbeat-ms needs a value'],
  [
    [...ONE, '--heartbeat-ms', '1', '--heartbeat-ms', '2'],
    '--heartbeat-ms was given more than once',
  ],
  [[...ONE, '--heartbeat-ms', 'fast'], '--heartbeat-ms must be a whole number of milliseconds'],
  [[...ONE, '--heartbeat-ms', '1e2'], '--heartbeat-ms must be a whole number of milliseconds'],
  [[...ONE, '--heartbeat-ms', '-5'], '--heartbeat-ms must be a whole number of milliseconds'],
  [[...ONE, '--heartbeat-ms', '1KiB'], '--heartbeat-ms must be a whole number of milliseconds'],
  [[...ONE, '--heartbeat-ms', '0'], '--heartbeat-ms must be a whole number from 1 to'],
  [[...ONE, '--heartbeat-ms', '400'], '--heartbeat-ms (400) must be at most a third of --election'],
  [[...ONE, '--max-body-bytes', '4MB'], '--max-body-bytes must be a size, like 65536 or 16MiB'],
  [[...ONE, '--log-level', 'loud'], '--log-level must be one of error, warn, info, debug'],
  [[...ONE, '--data-dir='], '--data-dir must be the path of a folder'],
  [['http', '127.0.0.1:6000'], '<http_port> must be a port, like 8080, not "http"'],
  [['8080', '6000'], '<self> must be host:port'],
  [[...ONE, '6001'], '<partner> must be host:port'],
  [[...ONE, '127.0.0.1:6000'], '<partner> must not name this node itself'],
  [[...ONE, '--protocol', 'convergent'], '<self> is not for convergent'],
  [['0', '--protocol', 'convergent'], '<http_port> must not be 0 without --public-url'],
  [['1', '--protocol', 'convergent', '--peers', '1'], '--peers is not the URL of a node, "1"'],
  [
    ['1', '--protocol', 'convergent', '--peers', 'http://127.0.0.1:1'],
    '--peers must not name this',
  ],
  [['1', '--protocol', 'convergent', '--public-url', 'x'], '--public-url is not the URL of a node'],
  [['1', '--protocol', 'convergent', '--max-drift-ms', '1'], '--max-drift-ms must be a whole'],
  [[...ONE, '--peers', 'http://localhost:1'], '--peers is for the protocol convergent'],
  [
    [...ONE, '--public-url', 'http://localhost:1'],
    '--public-url is for the protocols convergent and log',
  ],
  [[...ONE, '--self', '127.0.0.1:7000'], 'unknown flag --self'],
  [[...ONE, '--http_port', '9'], 'unknown flag --http_port'],
  [[...ONE, '--partners=127.0.0.1:7000'], 'unknown flag --partners'],
  [[...ONE, '--constructor', 'x'], 'unknown flag --constructor'],
  [[...ONE, '--__proto__=1', '--valueOf'], 'unknown flag --__proto__, --valueOf'],
  [[...ONE, '-_', 'x'], 'unknown flag -_'],
  [[...ONE, '--', '127.0.0.1:6001', '127.0.0.1:6002'], 'unknown flag --'],
  [[...ONE, '--node-name', 'x'], '--node-name is for the protocol dynamo, not for raft'],
  [[...ONE, '--allow-clear'], '--allow-clear is for the protocol log, not for raft'],
  [[...ONE, '--replicas', '2'], '--replicas is for the protocol dynamo, not for raft'],
  [['1', '--protocol', 'log', '--heartbeat-ms', '5'], '--heartbeat-ms is for the protocol raft'],
  [
    ['1', '--protocol', 'log', '--quorum-append=yes'],
    '--quorum-append is true or false, not "yes"',
  ],
  [['1', '--protocol', 'log', '--quorum-append=1'], '--quorum-append is true or false, not "1"'],
  [['1', '--protocol', 'log', '--allow-clear='], '--allow-clear is true or false, not ""'],
  [
    ['1', '--protocol', 'log', '--allow-clear', '--allow-clear=false'],
    '--allow-clear was given more than once',
  ],
  [['6000', '127.0.0.1:6000'], '<http_port> must differ from the port of <self>'],
])('%j: one clear line, and code 2', (args, complaint) => {
  const text = refused(args);
  expect(text.startsWith(`kvstorage_http: ${complaint}`)).toBe(true);
  expect(text).toMatch(/^[^\n]+\n$/);
});

test('a switch is off when it is false, in whatever way that is written', () => {
  const isOn = (...flags: string[]) => {
    const line = parseCommandLine(['5000', '--protocol', 'log', ...flags]);
    return line.kind === 'run' && line.config.messageLog.allowClear;
  };
  expect(isOn('--allow-clear=true')).toBe(true);
  expect(isOn('--allow-clear', 'true')).toBe(true);
  expect(isOn('--allow-clear=false')).toBe(false);
  expect(isOn('--allow-clear', 'false')).toBe(false);
});

test('whatever is typed, the answer is a configuration or one clear line for each mistake', () => {
  const names = ['__proto__', 'constructor', 'toString', '_', '$0', 'help', '5x', '', '.', 'a.b'];
  const dashes = ['', '-', '--', '---', '--no-', '-5'];
  for (const name of names) {
    for (const dash of dashes) {
      for (const rest of [[], ['x'], ['--'], ['-'], ['']]) {
        for (const word of [dash + name, `${dash}${name}=1`]) {
          const line = parseCommandLine([...ONE, word, ...rest]);
          if (line.kind === 'exit' && line.code !== 0) {
            expect(line.stderr).toMatch(/^(kvstorage_http: [^\n]{1,200}\n)+$/);
          }
        }
      }
    }
  }
});

test('several mistakes are told at once, a line for each', () => {
  const text = refused([...ONE, '--log-level', 'loud', '--heartbeat-ms', '0']);
  expect(text.trimEnd().split('\n')).toHaveLength(2);
});

test('a warning names the flag', () => {
  const line = parseCommandLine([
    ...ONE,
    '10.0.0.2:6000',
    '10.0.0.3:6000',
    '--peer-host',
    '0.0.0.0',
  ]);
  expect(line).toMatchObject({
    kind: 'run',
    warnings: [expect.stringMatching(/^--secret-file is/)],
  });
});

test('the help explains every flag with its default, in English everywhere', () => {
  const german = jest.replaceProperty(process, 'env', { ...process.env, LC_ALL: 'de_DE.UTF-8' });
  const line = parseCommandLine(['--help']);
  german.restore();
  if (line.kind === 'run') throw new Error('--help must not run a node');
  const help = line.stdout ?? '';
  expect(line.code).toBe(0);
  const names = [...Object.keys(NODE_NUMBERS), ...Object.keys(RAFT_NUMBERS)];
  for (const name of names.filter((one) => one !== 'httpPort')) {
    expect(help).toMatch(new RegExp(`--${kebab(name)} [^[]*\\[default: [0-9]+( ms| [KMG]iB)?\\]`));
  }
  for (const flag of [
    'data-dir',
    'http-host',
    'peer-host',
    'cluster-id',
    'secret-file',
    'log-level',
  ]) {
    expect(help).toMatch(new RegExp(`--${flag} [^[]*\\[default: `));
  }
  expect(help).toMatch('Show help');
});

test('the version is that of the package', () => {
  const { version } = jest.requireActual<{ version: string }>('../package.json');
  expect(parseCommandLine(['--version'])).toEqual({
    kind: 'exit',
    code: 0,
    stdout: `${version}\n`,
  });
});
