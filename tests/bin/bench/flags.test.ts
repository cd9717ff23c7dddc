/** The command line of the benchmark. */

import { FlagError, readFlags } from '../../../bin/bench/flags';

const PEERS = ['etcd', 'redis'];
const printed: string[] = [];
const read = (...args: string[]) => readFlags(args, PEERS, (text) => printed.push(text));
const rows = (...args: string[]) =>
  read(...args)?.shapes.map(
    ({ workload, clients, nodes, valueBytes, through, keys }) =>
      `${workload}@${clients} ${nodes} ${valueBytes} ${through} ${keys}`,
  );

test('a run without flags is a sensible one', () => {
  expect(read()).toMatchObject({
    ...{ rounds: 5, seconds: 3, warmUpSeconds: 5, quick: false, peers: [], ceiling: false },
    ...{ jsonFile: undefined, svgFile: undefined },
  });
  expect(rows()).toEqual(
    ['put@1', 'put@64', 'put@256', 'get@64', 'embedded@64', 'embedded@256'].map(
      (work) => `${work} 3 256 leader 10000`,
    ),
  );
});

test('a quick run may be told how long it is', () => {
  expect(read('--quick')).toMatchObject({
    ...{ rounds: 3, seconds: undefined, warmUpSeconds: 0, quick: true },
  });
  expect(read('--quick', '--warmup', '2')).toMatchObject({ warmUpSeconds: 2, quick: true });
  const flags = ['--quick', '--rounds', '1', '--seconds', '0.5'];
  expect(read(...flags)).toMatchObject({ rounds: 1, seconds: 0.5, quick: true });
});

test('every combination of what is named is a row', () => {
  const lists = ['--workload', 'put@7,get', '--clients', '1,1000', '--through', 'leader,followers'];
  expect(rows(...lists, '--nodes', '5')).toEqual(
    ['put@7', 'get@1', 'get@1000'].flatMap((work) =>
      ['leader', 'followers'].map((way) => `${work} 5 256 ${way} 10000`),
    ),
  );
  expect(rows('--workload', 'hot', '--values', '16,4096', '--nodes', '3,5')).toEqual([
    ...['hot@64 3 16 leader 10000', 'hot@64 3 4096 leader 10000'],
    ...['hot@64 5 16 leader 10000', 'hot@64 5 4096 leader 10000'],
  ]);
});

test('large values have fewer keys, so that they fit into memory', () => {
  expect(rows('--workload', 'put', '--values', '65536')).toEqual(['put@64 3 65536 leader 4096']);
});

test('files, peers and the ceiling', () => {
  expect(read('--peer', 'redis,etcd', '--ceiling', '--json', 'a', '--svg')).toMatchObject({
    ...{ peers: ['redis', 'etcd'], ceiling: true, jsonFile: 'a', svgFile: 'images/benchmarks.svg' },
  });
  expect(read('--svg', 'b.svg')?.svgFile).toBe('b.svg');
});

test('help is printed and nothing is run', () => {
  expect(read('--help')).toBeUndefined();
  expect(printed.join('\n')).toMatch('--workload');
});

test.each([
  [['--workload', 'pot'], /^--workload must be of put, append, .*, not 'pot'$/],
  [['--workload', 'put@0'], /^--workload must be a whole number from 1 to 10000, not '0'$/],
  [['--workload', 'put@1@2'], /^--workload must be of put, .*, not 'put@1@2'$/],
  [['--clients', '1.5'], /^--clients must be a whole number from 1 to 10000, not '1.5'$/],
  [['--nodes', '99'], /^--nodes must be a whole number from 1 to 9, not '99'$/],
  [['--rounds', 'x'], /^--rounds must be a whole number/],
  [['--warmup', '-1'], /^--warmup must be a number from 0 to 3600$/],
  [['--warmup', ''], /^--warmup must be a number from 0 to 3600$/],
  [['--seconds', '0'], /^--seconds must be a number from 0.05 to 3600$/],
  [['--through', 'proxy'], /^--through must be of leader, followers, not 'proxy'$/],
  [['--peer', 'consul'], /^--peer must be of etcd, redis, not 'consul'$/],
  [['--colour', 'red'], /^Unknown arguments?: .*colour/],
  [['put'], /^Unknown command: put|^Unknown argument: put/],
])('%j is refused in one line', (args, complaint) => {
  expect(() => read(...args)).toThrow(FlagError);
  expect(() => read(...args)).toThrow(complaint);
  expect(() => read(...args)).toThrow(/^[^\n]+$/);
});
