import fc from 'fast-check';
import { metadataOf, pastOfMetadata } from '../../../kv/core/dynamo/metadata';
import { hasDot, joinPasts, pastOf } from '../../../kv/core/dynamo/past';
import { sipHash } from '../../../kv/core/dynamo/siphash';
import { histories, SECRET, type TrueWrite } from './support';

const KEY = 'a key';

test('SipHash-2-4 gives what its authors published', () => {
  const bytes = Uint8Array.from({ length: 15 }, (_, i) => i);
  // The example of Appendix A: key 00…0f, message 00…0e.
  expect(Buffer.from(sipHash(SECRET, bytes)).reverse().toString('hex')).toBe('a129ca6149be45e5');
});

test('the string of a version says which it is and what it has seen', () => {
  fc.assert(
    fc.property(histories, (writes) => {
      for (const { version } of writes) {
        const text = metadataOf(KEY, version, SECRET);
        expect(text).toMatch(/^[\w-]+$/);
        expect(pastOfMetadata(KEY, text, SECRET)).toEqual(
          joinPasts(version.past, pastOf(version.dot)),
        );
        expect(metadataOf(KEY, { ...version }, SECRET)).toBe(text);
      }
    }),
  );
});

test('several strings joined by commas have seen all of it, in any order', () => {
  fc.assert(
    fc.property(histories, (writes) => {
      const texts = writes.map(({ version }) => metadataOf(KEY, version, SECRET));
      const joined = pastOfMetadata(KEY, texts.join(','), SECRET);
      expect(joined).toEqual(pastOfMetadata(KEY, texts.toReversed().join(','), SECRET));
      for (const { version } of writes) expect(hasDot(joined ?? [], version.dot)).toBe(true);
    }),
  );
});

describe('what was not given out is refused', () => {
  const [write] = fc.sample(histories, { numRuns: 1, seed: 1 })[0] as readonly TrueWrite[];
  const text = metadataOf(KEY, (write as TrueWrite).version, SECRET);

  test.each([
    ['of another key', 'another key', text],
    ['cut short', KEY, text.slice(0, -1)],
    ['longer', KEY, `${text}A`],
    ['with a comma too many', KEY, `${text},`],
    ['with a space', KEY, ` ${text}`],
    ['in another alphabet', KEY, `${text}=`],
    ['a word', KEY, 'metadata'],
    ['a letter', KEY, 'A'],
    ['not ASCII', KEY, 'ü'],
    ['very many', KEY, Array.from({ length: 2000 }, () => text).join(',')],
    ['very long', KEY, 'A'.repeat(1_000_000)],
  ])('%s', (_what, key, forged) => {
    expect(pastOfMetadata(key, forged, SECRET)).toBeUndefined();
  });

  test('with any one character changed', () => {
    for (let i = 0; i < text.length; i++) {
      const other = text[i] === 'A' ? 'B' : 'A';
      const forged = text.slice(0, i) + other + text.slice(i + 1);
      expect(pastOfMetadata(KEY, forged, SECRET)).toBeUndefined();
    }
  });

  test('of another group', () => {
    expect(pastOfMetadata(KEY, text, new Uint8Array(16))).toBeUndefined();
  });

  test('nothing is fine: the writer has seen nothing', () => {
    expect(pastOfMetadata(KEY, '', SECRET)).toEqual([]);
  });
});
