/** The pure parts of the benchmark: medians, what the kernel says, the table and the JSON. */

import { costBetween, cpuSeconds, sentBytes, writtenBytes } from '../../../bin/bench/cost';
import { reportText, thisMachine } from '../../../bin/bench/report';
import { type Measurement, rowOf } from '../../../bin/bench/row';
import { Latencies, median, percentile } from '../../../bin/bench/statistics';
import { tableOf } from '../../../bin/bench/table';
import type { Shape } from '../../../bin/bench/workload';

const SHAPE: Shape = {
  ...{ workload: 'put', clients: 64, nodes: 3, valueBytes: 256, through: 'leader', keys: 10_000 },
};

test.each([
  [[], Number.NaN],
  [[5], 5],
  [[9, 1, 5], 5],
  [[100, 9, 1, 2], 5.5],
])('the median of %j is %d', (values, middle) => {
  expect(median(values)).toBe(middle);
});

test('the median changes nothing', () => {
  const values = [3, 1, 2];
  median(values);
  expect(values).toEqual([3, 1, 2]);
});

test('a percentile is a value that was measured', () => {
  const hundred = Float64Array.from({ length: 100 }, (_, i) => i + 1);
  expect([0, 0.5, 0.99, 0.999, 1].map((part) => percentile(hundred, part))).toEqual([
    1, 50, 99, 100, 100,
  ]);
  expect(percentile(new Float64Array(), 0.5)).toBeNaN();
});

test('latencies are all kept, in order of size', () => {
  const latencies = new Latencies();
  const count = 200_000;
  for (let i = 0; i < count; i++) latencies.add((i * 7919) % count);
  expect(latencies.count).toBe(count);
  const sorted = latencies.sorted();
  expect([sorted.length, sorted.every((value, i) => value === i)]).toEqual([count, true]);
});

test('processor time is read behind a name that looks like fields', () => {
  const fields = ['S', ...Array(10).fill('7'), '150', '50', '9', '9'];
  expect(cpuSeconds(`42 (a) b (c) ${fields.join(' ')}`)).toBe(2);
});

test('the disk is found by the numbers of the device', () => {
  const text = [
    ' 254       0 vda 1 2 3 4 5 6 1000 8 0 10 11',
    ' 254       1 vda1 1 2 3 4 5 6 2000 8 0 10 11',
    ' 254     300 vdb 1 2 3 4 5 6 3000 8 0 10 11',
  ].join('\n');
  expect(writtenBytes(text, 254 << 8)).toBe(512_000);
  expect(writtenBytes(text, (254 << 8) | 1)).toBe(1_024_000);
  expect(writtenBytes(text, ((300 & 0xfff00) << 12) | (254 << 8) | (300 & 0xff))).toBe(1_536_000);
  expect(writtenBytes(text, 99 << 8)).toBeUndefined();
});

test('bytes on the wire are those of the sockets of the processes', () => {
  const output = [
    'ESTAB 0 0 1.2.3.4:1 1.2.3.4:2 users:(("node",pid=7,fd=20)) cubic bytes_sent:100 bytes_acked:101',
    'ESTAB 0 0 1.2.3.4:1 1.2.3.4:2 users:(("node",pid=77,fd=20)) cubic bytes_sent:1000',
    'ESTAB 0 0 1.2.3.4:1 1.2.3.4:2 users:(("node",pid=8,fd=21)) cubic bytes_received:5',
    'ESTAB 0 0 1.2.3.4:1 1.2.3.4:2 users:(("node",pid=8,fd=22)) cubic bytes_sent:11',
    'TIME-WAIT 0 0 1.2.3.4:1 1.2.3.4:2 bytes_sent:10000',
  ];
  expect(sentBytes(output.join('\n'), [7, 8])).toBe(111);
});

test('a cost is a difference, and unknown where either side is', () => {
  const before = { atMs: 1000, cpu: [1, undefined, 3], diskBytes: 10, wireBytes: undefined };
  const after = { atMs: 3000, cpu: [2, 1, 4.5], diskBytes: 30, wireBytes: 5 };
  expect(costBetween(before, after, 2)).toEqual({
    ...{ cpuPerNode: [0.5, undefined], cpuOfLoad: 0.75, diskBytes: 20, wireBytes: undefined },
  });
});

function measurement(operations: number, errors = 0): Measurement {
  const latencies = { p50Ms: operations / 100, p99Ms: 2, p999Ms: 3, worstMs: 4 };
  const firstError = errors > 0 ? 'no\r\n' : undefined;
  return {
    result: { operations, seconds: 2, errors, firstError, ...latencies },
    cost: { cpuPerNode: [0.5, 0.25], cpuOfLoad: undefined, diskBytes: 4000, wireBytes: undefined },
  };
}

const OURS = rowOf('ours', SHAPE, [measurement(600), measurement(200), measurement(400)], 200);
const THEIRS = rowOf('their system', SHAPE, [measurement(100, 3)], 200);

test('a row is the medians of its rounds', () => {
  expect(OURS).toEqual({
    ...SHAPE,
    ...{ system: 'ours', opsPerSecond: 200, p50Ms: 4, p99Ms: 2, p999Ms: 3, ratio: 1 },
    ...{ cpuPerNode: [0.5, 0.25], cpuOfLoad: undefined, wireBytesPerOperation: undefined },
    ...{ diskBytesPerOperation: 10, errors: 0, firstError: undefined, rounds: [300, 100, 200] },
  });
  expect([THEIRS.ratio, THEIRS.errors, THEIRS.firstError]).toEqual([4, 3, 'no\r\n']);
});

test('the table', () => {
  expect(tableOf([])).toEqual([]);
  expect(tableOf([OURS, THEIRS])).toEqual([
    'put, 64 clients, 3 nodes, 10000 keys, 256-byte values, through the leader',
    'system        op/s  p50 ms  p99 ms  p99.9 ms  CPU of nodes  of load  disk B/op  wire B/op  ratio',
    'ours           200    4.00    2.00      3.00     0.50 0.25        –         10          –  1.00×',
    'their system    50    1.00    2.00      3.00     0.50 0.25        –         40          –  4.00×',
    'their system: 3 requests failed, the first with: "no\\r\\n"',
  ]);
});

test('the JSON has one line for each row, with numbers of four digits', () => {
  const row = { ...OURS, opsPerSecond: 12345.678, p50Ms: 1.23456789 };
  const report = {
    ...{ date: '2026-01-01T00:00:00.000Z', command: 'npm run bench', rounds: 3 },
    ...{ secondsPerRound: 0.5, warmUpSeconds: 5, machine: thisMachine(), rows: [row, THEIRS] },
  };
  const text = reportText(report);
  expect(text.split('\n').filter((line) => line.includes('"workload"'))).toHaveLength(2);
  const { rows, ...rest } = JSON.parse(text);
  expect(rest).toEqual({ ...report, rows: undefined });
  expect(rows[0]).toMatchObject({ system: 'ours', opsPerSecond: 12346, p50Ms: 1.235, clients: 64 });
  expect(rows[1]).toMatchObject({ system: 'their system', rounds: [50] });
});
