/** The table that is printed: one heading for each kind of work, one line for each system. */

import type { Row } from './row';
import { describeShape } from './workload';

const UNKNOWN = '–';

interface Column {
  readonly title: string;
  readonly cell: (row: Row) => string;
}

const COLUMNS: readonly Column[] = [
  { title: 'op/s', cell: (row) => row.opsPerSecond.toFixed(0) },
  { title: 'p50 ms', cell: (row) => row.p50Ms.toFixed(2) },
  { title: 'p99 ms', cell: (row) => row.p99Ms.toFixed(2) },
  { title: 'p99.9 ms', cell: (row) => row.p999Ms.toFixed(2) },
  { title: 'CPU of nodes', cell: (row) => cpu(row.cpuPerNode) },
  { title: 'of load', cell: (row) => row.cpuOfLoad?.toFixed(2) ?? UNKNOWN },
  { title: 'disk B/op', cell: (row) => row.diskBytesPerOperation?.toFixed(0) ?? UNKNOWN },
  { title: 'wire B/op', cell: (row) => row.wireBytesPerOperation?.toFixed(0) ?? UNKNOWN },
  { title: 'ratio', cell: (row) => `${row.ratio.toFixed(2)}×` },
];

const cpu = (values: readonly number[]): string =>
  values.length === 0 ? UNKNOWN : values.map((value) => value.toFixed(2)).join(' ');

/** The lines of the table; rows of the same work stand together, the first one is the measure. */
export function tableOf(rows: readonly Row[]): string[] {
  const [first] = rows;
  if (first === undefined) return [];
  const cells = [
    ['system', ...COLUMNS.map(({ title }) => title)],
    ...rows.map((row) => [row.system, ...COLUMNS.map(({ cell }) => cell(row))]),
  ];
  const widths = cells[0]?.map((_, i) => Math.max(...cells.map((line) => line[i]?.length ?? 0)));
  const lines = cells.map((line) => alignedLine(line, widths ?? []));
  return [describeShape(first), ...lines, ...rows.flatMap(errorLine)];
}

function alignedLine([name = '', ...numbers]: readonly string[], widths: readonly number[]) {
  const cells = numbers.map((text, i) => text.padStart(widths[i + 1] ?? 0));
  return [name.padEnd(widths[0] ?? 0), ...cells].join('  ').trimEnd();
}

function errorLine({ system, errors, firstError = '' }: Row): string[] {
  if (errors === 0) return [];
  return [`${system}: ${errors} requests failed, the first with: ${JSON.stringify(firstError)}`];
}

/** What the columns mean and where the numbers come from; printed once. */
export const LEGEND = [
  'ratio: the throughput of the first line divided by that of this line, medians of alternating rounds',
  'CPU: seconds of user and system time per second (/proc/<pid>/stat), the leader first; of load: of the generator',
  'disk: bytes that the disk has written meanwhile (/proc/diskstats), whoever else uses it included',
  'wire: bytes that nodes and clients sent over TCP (ss -ti), without headers of TCP and below',
] as const;
