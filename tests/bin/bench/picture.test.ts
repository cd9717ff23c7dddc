/** The picture of a benchmark: that it is well-formed and says what was measured. */

import { pictureOf } from '../../../bin/bench/picture';
import type { Row } from '../../../bin/bench/row';

const ROW: Row = {
  ...{ system: 'ours', workload: 'put', clients: 64, nodes: 3, valueBytes: 256, through: 'leader' },
  ...{ keys: 1, opsPerSecond: 1234567, p50Ms: 1, p99Ms: 1, p999Ms: 1, ratio: 1, cpuPerNode: [] },
  ...{ cpuOfLoad: 0, diskBytesPerOperation: 0, wireBytesPerOperation: 0, rounds: [] },
  ...{ errors: 0, firstError: undefined },
};
const ROWS: Row[] = [
  ROW,
  { ...ROW, system: 'slow <&> one', ratio: 4, opsPerSecond: 25 },
  { ...ROW, system: 'fast', ratio: 0.5 },
  { ...ROW, workload: 'get', clients: 1, nodes: 5, through: 'followers', valueBytes: 16 },
  { ...ROW, workload: 'get', clients: 1, nodes: 5, through: 'followers', valueBytes: 16, ratio: 2 },
  { ...ROW, workload: 'hot' },
];
const PICTURE = pictureOf(ROWS, 'a machine');

test('bars are as long as the ratios', () => {
  const bars = [...PICTURE.matchAll(/<rect class="(\w+)" x="170" y="[\d.]+" width="([\d.]+)"/g)];
  const [, unit] = /<line class="even" x1="([\d.]+)"/.exec(PICTURE) ?? [];
  const one = Number(unit) - 170;
  expect(bars.map(([, kind, width]) => [kind, Number(width) / one])).toEqual([
    ['ahead', 4],
    ['behind', 0.5],
    ['ahead', 2],
  ]);
});

test('it says what was measured, of work that somebody else has done too', () => {
  for (const said of ['put, 64 clients<', 'get, 1 client, 5 nodes, 16-byte values, through the']) {
    expect(PICTURE).toContain(said);
  }
  for (const said of [
    '1,234,567 op/s',
    '25 op/s',
    '4.00×',
    'a machine',
    'slow &lt;&amp;&gt; one',
  ]) {
    expect(PICTURE).toContain(`>${said}</text>`);
  }
  expect(PICTURE).not.toContain('hot');
});

test('every element is closed', () => {
  const open: string[] = [];
  for (const [, closes, name = '', , itself] of PICTURE.matchAll(/<(\/?)([a-z]+)([^>]*?)(\/?)>/g)) {
    if (closes) expect(open.pop()).toBe(name);
    else if (!itself) open.push(name);
  }
  expect(open).toEqual([]);
});

test('without rows there is a picture without bars', () => {
  expect(pictureOf([], 'nothing')).not.toMatch(/NaN|Infinity|<rect/);
});
