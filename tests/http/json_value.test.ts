/** The reader of JSON values against `JSON.parse`, and the short way to a command against the long. */

import fc from 'fast-check';
import { parseAnyCommand } from '../../kv/http/command_body';
import { Refusal } from '../../kv/http/error_status';
import { type JsonEnd, NOT_JSON, readJsonValue, TOO_DEEP } from '../../kv/http/json_value';
import { usualCommand } from '../../kv/http/usual_command';

const DEEP = 1000;

function read(text: string | Buffer, maxNesting = DEEP): JsonEnd {
  const bytes = Buffer.from(text);
  const into: JsonEnd = { end: 0, ascii: true };
  readJsonValue(bytes, 0, bytes.length, maxNesting, into);
  return into;
}

/** Whether the whole text is one value without space around it. */
const isValue = (text: string): boolean => read(text).end === Buffer.byteLength(text);

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return text.trim() === text;
  } catch {
    return false;
  }
}

/** Pieces of JSON in any order: most texts are wrong, in every way in which a text can be. */
const soup = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom('{', '}', '[', ']', ',', ':', '"a"', '""', '0') },
      {
        weight: 4,
        arbitrary: fc.constantFrom('1', '-', '.', 'e', 'E', '+', '5e3', 'true', 'null'),
      },
      { weight: 2, arbitrary: fc.constantFrom(' ', '\n', '\t', '\r', '"', '\\', 'fals', 'false') },
      {
        weight: 2,
        arbitrary: fc.constantFrom('\\u00fc', '"\\u12G4"', '"\\x"', '"\\n"', 'nul', '\0'),
      },
      { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 3 }) },
    ),
    { maxLength: 12 },
  )
  .map((pieces) => pieces.join(''));

describe('readJsonValue', () => {
  test('takes whatever JSON.stringify writes, to its last byte', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), fc.constantFrom(0, 1), (value, space) => {
        const text = JSON.stringify(value, null, space);
        expect(isValue(text)).toBe(true);
        // What follows is not its business.
        for (const more of [',', ' ', ']', '}']) {
          expect(read(text + more).end).toBe(Buffer.byteLength(text));
        }
      }),
    );
  });

  test('takes what JSON.parse takes of any soup, and nothing else', () => {
    fc.assert(
      fc.property(soup, (text) => {
        expect(isValue(text)).toBe(parses(text));
      }),
      { numRuns: 20_000 },
    );
  });

  test('takes what JSON.parse takes of a value that was damaged', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.nat(),
        fc.constantFrom('', ',', '"', '0', '\\', '}', ']', 'e', ' ', '\x1f', '\x7f', '-', ':'),
        fc.nat(2),
        (value, at, patch, cut) => {
          const text = JSON.stringify(value);
          const place = at % (text.length + 1);
          const damaged = text.slice(0, place) + patch + text.slice(place + cut);
          expect(isValue(damaged)).toBe(parses(damaged));
        },
      ),
      { numRuns: 5_000 },
    );
  });

  test('tells whether there was more than ASCII', () => {
    expect(read('["a",{"b":1}]').ascii).toBe(true);
    for (const text of ['"ü"', '{"ü":1}', '[["\x80"]]']) expect(read(text).ascii).toBe(false);
    expect(read('"a"ü').ascii).toBe(true);
  });

  test('counts the nesting', () => {
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const text = `${open.repeat(5)}0${close.repeat(5)}`;
      expect(read(text, 5).end).toBe(text.length);
      expect(read(text, 4).end).toBe(TOO_DEEP);
    }
    expect(read('[]', 0).end).toBe(TOO_DEEP);
    expect(read('0', 0).end).toBe(1);
    expect(read('['.repeat(100_000), 1e6).end).toBe(NOT_JSON);
  });

  test('never looks beyond its limit', () => {
    const text = Buffer.from('[true,"a\\u00fc",-1.5e+3,{"b":null}]');
    for (let limit = 0; limit < text.length; limit++) {
      const into: JsonEnd = { end: 0, ascii: true };
      readJsonValue(text, 0, limit, DEEP, into);
      expect(into.end).toBe(NOT_JSON);
    }
  });
});

describe('the short way to a command', () => {
  test.each([
    '{"type":"PUT","value":1}',
    '{"value":[1,{"a":"ü"}],"type":"APPEND"}',
    ' {\n"type" : "PUT" ,\t"value" : "x" } \r\n',
    '{"type": "APPEND", "value": {}}',
  ])('is for %s', (text) => {
    const body = Buffer.from(text);
    const short = usualCommand('k', body, 16);
    expect(short).toBeDefined();
    expect(short).toEqual(parseAnyCommand('k', body, 16));
  });

  test('never says anything but what the long way says', () => {
    const pieces = fc.constantFrom(
      ...['{', '}', '"type"', '"value"', ':', ',', '"PUT"', '"APPEND"', ' ', '1', '[]', '"ü"'],
      ...['"\\u0076alue"', '"other"', '[[[]]]', '\xa0', '\ufeff', '"put"', '{"a":1}', '\n'],
    );
    let short = 0;
    const body = fc.oneof(
      fc.array(pieces, { maxLength: 14 }),
      fc
        .tuple(fc.constantFrom('"PUT"', '"APPEND"'), fc.array(pieces, { maxLength: 3 }))
        .map(([type, value]) => ['{"type":', type, ',"value":', ...value, '}']),
    );
    fc.assert(
      fc.property(body, fc.boolean(), (parts, latin1) => {
        const bytes = Buffer.from(parts.join(''), latin1 ? 'latin1' : 'utf8');
        const command = usualCommand('k', bytes, 2);
        if (command === undefined) return;
        short++;
        const long = parseAnyCommand('k', bytes, 2);
        expect(long).not.toBeInstanceOf(Refusal);
        expect(command).toEqual(long);
      }),
      { numRuns: 20_000 },
    );
    expect(short).toBeGreaterThan(500);
  });
});
