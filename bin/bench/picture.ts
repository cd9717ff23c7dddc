/**
 * The ratios as a picture: for each kind of work one bar for each system, as long as we are times as
 * fast as it. A line marks what is as fast as we are. Text of SVG, legible on light and on dark.
 */

import type { Row } from './row';

const WIDTH = 760;
const BARS_AT = 170;
/** Room to the right of the longest bar for its number. */
const NUMBERS = 210;
const LINE = 22;
const BAR = 14;
const MARGIN = 16;
const TITLE = 30;
const FOOT = 34;
/** Of a ceiling or a very fast peer next to nothing would be seen. */
const LEAST_BAR = 2;

const STYLE = `
    text { font: 13px Helvetica, Arial, sans-serif; fill: #24292f }
    .title { font-size: 15px; font-weight: bold } .work { font-weight: bold } .small { font-size: 11px }
    .ahead { fill: #2e8b57 } .behind { fill: #c8702a } .even { stroke: #8c959f; stroke-dasharray: 3 3 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 } .ahead { fill: #4caf7d } .behind { fill: #e0904f }
    }
  `;

/** Rows of the same work stand together and their first one, which is ours, is the measure. */
export function pictureOf(rows: readonly Row[], caption: string): string {
  const groups = groupsOf(rows);
  const longest = Math.max(1, ...groups.flatMap(([, ...others]) => others.map((row) => row.ratio)));
  const scale = (WIDTH - BARS_AT - NUMBERS) / longest;
  const parts: string[] = [];
  let y = MARGIN + TITLE;
  const top = y;
  for (const [own, ...others] of groups) {
    y += LINE;
    parts.push(text(MARGIN, y, workOf(own), 'work'), numbersOf(own, y));
    for (const row of others) {
      y += LINE;
      parts.push(...barOf(row, y, scale));
    }
    y += LINE / 2;
  }
  const even = (BARS_AT + scale).toFixed(1);
  const line = `<line class="even" x1="${even}" y1="${top}" x2="${even}" y2="${y}"/>`;
  const title = 'quorum-kv: how many times the throughput of others';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + FOOT}">`,
    `  <title>${title}</title>`,
    `  <style>${STYLE}</style>`,
    ...[text(MARGIN, MARGIN + 12, title, 'title'), line, ...parts].map((part) => `  ${part}`),
    `  ${text(MARGIN, y + FOOT / 2, caption, 'small')}`,
    '</svg>',
    '',
  ].join('\n');
}

type Group = readonly [Row, ...Row[]];

/** Kinds of work that somebody else has done too, in the order in which they were measured. */
function groupsOf(rows: readonly Row[]): Group[] {
  const groups = new Map<string, [Row, ...Row[]]>();
  for (const row of rows) {
    const { workload, clients, nodes, valueBytes, through } = row;
    const work = [workload, clients, nodes, valueBytes, through].join();
    const group = groups.get(work);
    if (group === undefined) groups.set(work, [row]);
    else group.push(row);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}

function workOf({ workload, clients, nodes, valueBytes, through }: Row): string {
  const unusual = [
    ...(nodes === 3 ? [] : [`${nodes} nodes`]),
    ...(valueBytes === 256 ? [] : [`${valueBytes}-byte values`]),
    ...(through === 'leader' ? [] : ['through the followers']),
  ];
  return [`${workload}, ${clients} client${clients === 1 ? '' : 's'}`, ...unusual].join(', ');
}

function barOf(row: Row, y: number, scale: number): string[] {
  const width = Math.max(LEAST_BAR, row.ratio * scale);
  const end = BARS_AT + width;
  const kind = row.ratio >= 1 ? 'ahead' : 'behind';
  const bar = `x="${BARS_AT}" y="${y - BAR + 2}" width="${width.toFixed(1)}" height="${BAR}" rx="2"`;
  return [
    text(BARS_AT - 8, y, row.system, undefined, 'end'),
    `<rect class="${kind}" ${bar}/>`,
    text(Math.max(end, BARS_AT + scale) + 6, y, `${row.ratio.toFixed(2)}×`),
    numbersOf(row, y),
  ];
}

const numbersOf = (row: Row, y: number): string =>
  text(WIDTH - MARGIN, y, `${thousands(row.opsPerSecond)} op/s`, 'small', 'end');

/** 12345 as 12,345. */
const thousands = (value: number): string => value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ',');

function text(x: number, y: number, content: string, kind?: string, anchor?: string): string {
  const place = `x="${x.toFixed(1)}" y="${y.toFixed(1)}"`;
  const style = kind === undefined ? '' : ` class="${kind}"`;
  const align = anchor === undefined ? '' : ` text-anchor="${anchor}"`;
  return `<text ${place}${style}${align}>${escaped(content)}</text>`;
}

const escaped = (content: string): string =>
  content.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
