import fc from 'fast-check';
import { Refusal } from '../../kv/http/error_status';
import { isKeyTarget, originForm, parseKey, queryOf } from '../../kv/http/key_target';

const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

describe('parseKey', () => {
  test('undoes encodeURIComponent for any text, and encodeURI too', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (key) => {
        expect(parseKey(`/keys/${encodeURIComponent(key)}`, 10_000)).toBe(latin1(key));
        const target = `/keys/${encodeURI(key).replace(/[?#]/g, encodeURIComponent)}`;
        expect(parseKey(target, 10_000)).toBe(latin1(key));
      }),
    );
  });

  test('says the same of any escapes as decodeURIComponent', () => {
    const pieces = fc.constantFrom('a', '/', '%', '%2', '%41', '%c3', '%BC', '%e2%82%ac', '%ff');
    fc.assert(
      fc.property(fc.array(pieces, { minLength: 1, maxLength: 8 }), (parts) => {
        const key = parseKey(`/keys/${parts.join('')}`, 10_000);
        let oracle: string | undefined;
        try {
          oracle = latin1(decodeURIComponent(parts.join('')));
        } catch {
          oracle = undefined;
        }
        expect(key instanceof Refusal ? undefined : key).toBe(oracle);
      }),
    );
  });

  test('refuses what must be percent-encoded', () => {
    for (const character of [' ', '\t', '\x7f', '\xfc', '#', '\0']) {
      expect(parseKey(`/keys/a${character}`, 100)).toMatchObject({ code: 'key_not_valid' });
    }
  });

  test('normalises nothing', () => {
    expect(parseKey('/keys/../admin/./status//', 100)).toBe('../admin/./status//');
    expect(parseKey('/keys//', 100)).toBe('/');
    expect(parseKey('/keys/%2e%2E%2f', 100)).toBe('../');
    expect(parseKey('/keys/a+b', 100)).toBe('a+b');
    expect(parseKey('/keys/%00', 100)).toBe('\0');
  });

  test('counts the limit in decoded bytes', () => {
    expect(parseKey('/keys/%c3%bc%c3%bc', 4)).toBe('\xc3\xbc\xc3\xbc');
    expect(parseKey('/keys/%c3%bc%c3%bc', 3)).toMatchObject({
      code: 'key_too_long',
      details: { bytes: 4, limit: 3 },
    });
  });

  test('ends at the first question mark', () => {
    expect(parseKey('/keys/a?b?c', 100)).toBe('a');
    expect(queryOf('/keys/a?b?c')).toBe('b?c');
    expect(queryOf('/keys/a')).toBe('');
    expect(parseKey('/keys/?b', 100)).toMatchObject({ code: 'key_not_valid' });
  });
});

test('originForm takes the host off an absolute target', () => {
  expect(originForm('http://host:80/keys/a?b')).toBe('/keys/a?b');
  expect(originForm('http://host')).toBe('/');
  expect(originForm('http://x?y=/keys/k')).toBe('/?y=/keys/k');
  expect(originForm('http://x#/keys/k')).toBe('/#/keys/k');
  expect(originForm('/keys/http://x/')).toBe('/keys/http://x/');
  expect(originForm('*')).toBe('*');
  expect(originForm('keys/a')).toBeUndefined();
});

test('isKeyTarget is exact', () => {
  expect(isKeyTarget('/keys/')).toBe(true);
  for (const target of ['/keys', '/Keys/a', '//keys/a', '/keysa', '/%6beys/a']) {
    expect(isKeyTarget(target)).toBe(false);
  }
});
