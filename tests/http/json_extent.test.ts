import fc from 'fast-check';
import { parseCommand } from '../../kv/http/command_body';
import { Refusal } from '../../kv/http/error_status';
import { nestsDeeperThan, objectMembers } from '../../kv/http/json_extent';

const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');

/** Writes JSON with random white space between the tokens and some characters as escapes. */
function spell(value: unknown, space: () => string, escapes: () => boolean): string {
  const text = (each: string): string =>
    `"${[...each].map((c) => (escapes() ? escaped(c) : JSON.stringify(c).slice(1, -1))).join('')}"`;
  const walk = (each: unknown): string => {
    if (typeof each === 'string') return text(each);
    if (Array.isArray(each)) {
      return `[${each.map((item) => space() + walk(item) + space()).join(',') || space()}]`;
    }
    if (typeof each === 'object' && each !== null) {
      const members = Object.entries(each).map(
        ([name, item]) => `${space()}${text(name)}${space()}:${space()}${walk(item)}${space()}`,
      );
      return `{${members.join(',') || space()}}`;
    }
    return JSON.stringify(each);
  };
  return space() + walk(value) + space();
}

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

/** How a text is to be spelt, drawn once for each example. */
const spelling = fc.record({
  spaces: fc.array(fc.constantFrom('', '', ' ', '\n', '\t\r '), { minLength: 7, maxLength: 40 }),
  escapes: fc.array(fc.boolean(), { minLength: 5, maxLength: 20 }),
});

function speller({ spaces, escapes }: { spaces: string[]; escapes: boolean[] }) {
  let calls = 0;
  return (value: unknown): string =>
    spell(
      value,
      () => spaces[calls++ % spaces.length] ?? '',
      () => escapes[calls++ % escapes.length] ?? false,
    );
}

const json = fc.jsonValue({ maxDepth: 4, noUnicodeString: false, stringUnit: 'binary' });

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

describe('objectMembers', () => {
  test('cuts any object into the very names and values that JSON.parse sees', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ unit: 'binary' }), json), { maxLength: 6 }),
        spelling,
        (members, how) => {
          const write = speller(how);
          const text = bytes(
            ` {${members.map(([name, value]) => `${write(name)}:${write(value)}`).join(',')}} `,
          );
          const found = objectMembers(text, 100).map((member) => [
            JSON.parse(text.toString('utf8', member.nameStart, member.nameEnd)),
            JSON.parse(text.toString('utf8', member.valueStart, member.valueEnd)),
          ]);
          expect(found).toEqual(JSON.parse(JSON.stringify(members)));
        },
      ),
    );
  });

  test('extents have no space at their ends', () => {
    fc.assert(
      fc.property(json, spelling, (value, how) => {
        const text = bytes(`{"a":${speller(how)(value)},"b":${speller(how)(value)}}`);
        for (const { valueStart, valueEnd } of objectMembers(text, 2)) {
          const cut = text.toString('utf8', valueStart, valueEnd);
          expect(cut).toBe(cut.trim());
        }
      }),
    );
  });

  test('stops after as many as were asked for', () => {
    expect(objectMembers(bytes('{"a":1,"b":2,"c":3}'), 2)).toHaveLength(2);
    expect(objectMembers(bytes('{}'), 2)).toEqual([]);
  });
});

describe('nestsDeeperThan', () => {
  test('agrees with the depth of the parsed value, at every limit', () => {
    fc.assert(
      fc.property(json, spelling, (value, how) => {
        const text = bytes(speller(how)(value));
        const depth = depthOf(JSON.parse(text.toString()));
        for (let limit = 0; limit <= depth + 1; limit++) {
          expect(nestsDeeperThan(text, limit)).toBe(depth > limit);
        }
      }),
    );
  });

  test('takes any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(5), (text, limit) => {
        const brackets = text.filter((byte) => byte === 0x5b || byte === 0x7b).length;
        expect(nestsDeeperThan(text, limit) && brackets <= limit).toBe(false);
      }),
    );
  });

  test('finds a million brackets without recursion', () => {
    expect(nestsDeeperThan(Buffer.alloc(1_000_000, '['), 128)).toBe(true);
  });
});

describe('parseCommand', () => {
  test('the value is the bytes as they were spelt, trimmed, in either order of the members', () => {
    fc.assert(
      fc.property(
        json,
        fc.constantFrom('PUT', 'APPEND'),
        fc.boolean(),
        spelling,
        (value, type, typeFirst, how) => {
          const write = speller(how);
          const spelt = write(value);
          const first = `${write('type')}:${write(type)}`;
          const second = `${write('value')}:${spelt}`;
          const body = bytes(`{${typeFirst ? `${first},${second}` : `${second},${first}`}}\n`);
          const command = parseCommand('k', body, 128);
          if (command instanceof Refusal) throw new Error(command.hint);
          expect(command.kind).toBe(type === 'PUT' ? 'put' : 'append');
          expect('value' in command && Buffer.from(command.value).toString()).toBe(spelt.trim());
        },
      ),
    );
  });

  test('a name that is there twice is refused, however it is spelt', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('type', 'value'),
        spelling,
        spelling,
        fc.nat(2),
        (name, how, again, place) => {
          const members = [`"type":"PUT"`, `"value":1`].map((member) =>
            member.startsWith(`"${name}"`)
              ? speller(how)(name) + member.slice(name.length + 2)
              : member,
          );
          members.splice(place, 0, `${speller(again)(name)}:"PUT"`);
          const refused = parseCommand('k', bytes(`{${members.join(',')}}`), 128);
          expect(refused).toMatchObject({ code: 'request_not_valid' });
        },
      ),
    );
  });

  test('no bytes make it throw, and what it takes is what JSON.parse takes', () => {
    const nearlyJson = fc
      .tuple(fc.constant('{"type":"PUT","value":[1,{"a":"\\u0041"}]}'), fc.nat(45), fc.nat(255))
      .map(([text, at, byte]) => {
        const body = bytes(text);
        body[at % body.length] = byte;
        return body;
      });
    fc.assert(
      fc.property(nearlyJson, (body) => {
        const command = parseCommand('k', body, 128);
        if (command instanceof Refusal) return;
        const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
        const parsed = JSON.parse(text) as { type: string; value: unknown };
        expect(Object.keys(parsed).sort()).toEqual(['type', 'value']);
        const value = 'value' in command ? Buffer.from(command.value).toString() : '';
        expect(JSON.parse(value)).toEqual(parsed.value);
      }),
      { numRuns: 5000 },
    );
  });

  test('nesting is taken up to the limit of the value, and not one level more', () => {
    const nested = (depth: number) =>
      bytes(`{"type":"PUT","value":${'['.repeat(depth)}${']'.repeat(depth)}}`);
    expect(parseCommand('k', nested(128), 128)).toMatchObject({ kind: 'put' });
    expect(parseCommand('k', nested(129), 128)).toMatchObject({ code: 'value_not_valid' });
  });
});
