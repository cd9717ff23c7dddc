/** Messages as bytes: whole ones come back, anything else is refused and nothing else happens. */

import fc from 'fast-check';
import { DecodeError } from '../../../kv/core/bytes';
import { convergentCodec } from '../../../kv/core/convergent/codec';
import { LEAVES } from '../../../kv/core/convergent/fingerprint';
import { decodeRecord, encodeRecord } from '../../../kv/core/convergent/journal';
import type { ConvergentMessage } from '../../../kv/core/convergent/messages';
import type { Parts } from '../../../kv/core/convergent/parts';

const codec = convergentCodec();
const bytesOf = (message: ConvergentMessage) => Buffer.concat(codec.encode(message));

const seen = new Map([
  [3, 1_740_800_000_000_000],
  [7, 1_740_800_000_000_123],
]);
const stamp = { time: 1_740_800_000_000_000, replica: 3 };
const parts: Parts = [
  { kind: 'count', stamp: { time: 5, replica: 7 }, amount: -3 },
  { kind: 'element', stamp, text: '"a"' },
  { kind: 'element', stamp, text: '"b"' },
  { kind: 'removed', stamp },
  { kind: 'value', stamp, text: '{"x":1}' },
];
const cells = [
  { key: 'k', parts },
  { key: 'gone', parts: [] },
];
const collected = new Map([[3, 12]]);
const fingerprint = { high: 0xffffffff, low: 1 };
const prints = Array.from({ length: LEAVES }, (_, i) => ({ high: i, low: 2 * i }));
const replica = 7;
const EXAMPLES: ConvergentMessage[] = [
  { kind: 'push', replica, since: 0, seen, cells },
  { kind: 'push', replica, since: 9, seen, cells: [] },
  { kind: 'report', replica, seen, collected, fingerprint, wantsReport: true },
  {
    kind: 'report',
    replica,
    seen: new Map(),
    collected: new Map(),
    fingerprint,
    wantsReport: false,
  },
  { kind: 'pull', replica, transfer: 2 ** 47, part: 3, seen, holding: { kind: 'seen' } },
  { kind: 'pull', replica, transfer: 1, part: 0, seen: new Map(), holding: { kind: 'empty' } },
  { kind: 'pull', replica, transfer: 1, part: 0, seen, holding: { kind: 'leaves', prints } },
  {
    kind: 'part',
    replica,
    transfer: 1,
    beginning: 2 ** 47,
    part: 0,
    isLast: true,
    seen,
    collected,
    leaves: [1, 4095],
    cells,
  },
];

test.each(EXAMPLES.map((one, i) => [`${i} ${one.kind}`, one] as const))(
  '%s comes back',
  (_, message) => {
    expect(codec.decode(bytesOf(message))).toEqual(message);
  },
);

test('no byte of a message can be missing, and none too many', () => {
  for (const message of EXAMPLES.filter(({ kind }) => kind !== 'pull')) {
    const bytes = bytesOf(message);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => codec.decode(bytes.subarray(0, length))).toThrow(DecodeError);
    }
    expect(() => codec.decode(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(DecodeError);
  }
});

test('changed bytes are another message or none, and never anything worse', () => {
  const example = fc.constantFrom(...EXAMPLES.filter(({ kind }) => kind !== 'pull'));
  fc.assert(
    fc.property(example, fc.nat(), fc.integer({ min: 1, max: 255 }), (message, place, flip) => {
      const bytes = bytesOf(message);
      const at = place % bytes.length;
      bytes[at] = (bytes[at] as number) ^ flip;
      try {
        expect(bytesOf(codec.decode(bytes))).toEqual(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
      }
    }),
    { numRuns: 2000 },
  );
});

test.each<[string, ConvergentMessage]>([
  [
    'parts that are not sorted',
    {
      ...(EXAMPLES[0] as never as { kind: 'push' }),
      replica,
      since: 0,
      seen,
      cells: [{ key: 'k', parts: [...parts].reverse() }],
    },
  ],
  [
    'two values of a key',
    {
      kind: 'push',
      replica,
      since: 0,
      seen,
      cells: [
        {
          key: 'k',
          parts: [
            { kind: 'value', stamp: { time: 4, replica: 3 }, text: '' },
            { kind: 'value', stamp, text: '' },
          ],
        },
      ],
    },
  ],
  [
    'a key twice',
    { kind: 'push', replica, since: 0, seen, cells: [cells[0] as never, cells[0] as never] },
  ],
  [
    'parts that the sender has not seen',
    { kind: 'push', replica, since: 0, seen: new Map([[7, 6]]), cells },
  ],
  [
    'a push about nothing new',
    { kind: 'push', replica, since: 1_740_800_000_000_123, seen, cells },
  ],
  [
    'tombstones collected that the sender has not seen',
    {
      ...{ kind: 'report', replica, seen, fingerprint, wantsReport: true },
      collected: new Map([[4, 12]]),
    },
  ],
  [
    'the same in a transfer',
    {
      ...{ kind: 'part', replica, transfer: 1, beginning: 2, part: 0, isLast: true, seen, cells },
      ...{ collected: new Map([[3, 1_740_800_000_000_001]]), leaves: [] },
    },
  ],
  [
    'groups that are not sorted',
    {
      kind: 'part',
      replica,
      transfer: 1,
      beginning: 2 ** 47,
      part: 0,
      isLast: true,
      seen,
      collected,
      leaves: [4, 4],
      cells,
    },
  ],
  [
    'a group that does not exist',
    {
      kind: 'part',
      replica,
      transfer: 1,
      beginning: 2 ** 47,
      part: 0,
      isLast: true,
      seen,
      collected,
      leaves: [LEAVES],
      cells,
    },
  ],
  [
    'half an increment',
    {
      kind: 'push',
      replica,
      since: 0,
      seen,
      cells: [{ key: 'k', parts: [{ kind: 'count', stamp, amount: 0.5 }] }],
    },
  ],
  ['no replica', { kind: 'push', replica: 0, since: 0, seen, cells }],
  [
    'time zero',
    {
      kind: 'push',
      replica,
      since: 0,
      seen: new Map([
        [3, 0],
        [7, 5],
      ]),
      cells: [],
    },
  ],
])('%s is refused', (_, message) => {
  expect(() => codec.decode(bytesOf(message))).toThrow(DecodeError);
});

test('records come back, and others are refused', () => {
  const update = { kind: 'update', seen, collected, cells, pieces: 2 } as const;
  expect(decodeRecord(encodeRecord(update))).toEqual(update);
  const piece = { kind: 'piece', cells } as const;
  expect(decodeRecord(encodeRecord(piece))).toEqual(piece);
  const { payload } = encodeRecord(piece);
  expect(() => decodeRecord({ type: 9, payload })).toThrow(DecodeError);
  expect(() => decodeRecord({ type: 2, payload: payload.subarray(1) })).toThrow(DecodeError);
});
