/** Values on their way in and out of an embedded node. */

import fc from 'fast-check';
import { jsonBytes, jsonValue } from '../kv/embedding';

const text = (value: unknown) => Buffer.from(jsonBytes(value)).toString('utf8');

test.each([
  '',
  ' ',
  'plain ~!',
  '"',
  '\\',
  '/',
  '\n',
  '\u007f',
  '\u0000',
  'é',
  '猫',
  '\ud800',
  'cat\n',
])('the string %j is stored as JSON writes it', (value) => {
  expect(text(value)).toBe(JSON.stringify(value));
  expect(jsonValue(Buffer.from(jsonBytes(value)).toString('latin1'))).toBe(value);
});

test('every value is stored as JSON writes it, and comes back', () => {
  const anything = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'grapheme-ascii' }),
    fc.jsonValue({ stringUnit: 'binary' }),
  );
  fc.assert(
    fc.property(anything, (value) => {
      expect(text(value)).toBe(JSON.stringify(value));
      const stored = Buffer.from(jsonBytes(value)).toString('latin1');
      expect(jsonValue(stored)).toEqual(JSON.parse(JSON.stringify(value)));
    }),
    { numRuns: 2000 },
  );
});

test.each([undefined, () => 1, Symbol('s')])('%p is no value', (value) => {
  expect(() => jsonBytes(value)).toThrow('something that JSON can say');
});
