/**
 * The bodies that a convergent replica takes. Values are stored as the bytes that came in, so they
 * are cut out of the body; each is copied, so that a small one does not keep a large body alive.
 */

import type { ByteString } from '../core/command';
import type { KeyChange } from '../service';
import { quoted, Refusal } from './error_status';
import { type Member, objectMembers } from './json_extent';
import { notValid, parseObject } from './json_object';

export interface BodyLimits {
  readonly maxNesting: number;
  readonly maxKeyBytes: number;
}

export type Puts = readonly { readonly key: ByteString; readonly change: KeyChange }[];

/** `{"<name>":{"k":<JSON>,…}}`: the keys and values of one update. */
export function parsePuts(body: Buffer, name: string, limits: BodyLimits): Puts | Refusal {
  const parsed = parseObject(body, limits.maxNesting + 1, [name]);
  if (parsed instanceof Refusal) return parsed;
  const map = parsed[name];
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    const hint = `The member "${name}" must be an object of keys and values.`;
    return new Refusal('value_not_valid', hint);
  }
  const [member, second] = objectMembers(body, 2);
  if (second !== undefined) return notValid(`The member "${name}" is there twice.`);
  if (member === undefined) return [];
  const text = body.subarray(member.valueStart, member.valueEnd);
  const keys = new Set<ByteString>();
  const puts = [];
  for (const each of objectMembers(text, Number.POSITIVE_INFINITY)) {
    const key = keyOf(nameOf(text, each), limits.maxKeyBytes);
    if (key instanceof Refusal) return key;
    if (keys.has(key)) return notValid('A key is there twice.');
    keys.add(key);
    puts.push({ key, change: { kind: 'put' as const, value: bytesOf(text, each) } });
  }
  return puts;
}

/** `{"type":"PUT"|…,"value":…}`: one change of one key. */
export function parseChange(body: Buffer, maxNesting: number): KeyChange | Refusal {
  const parsed = parseObject(body, maxNesting, ['type', 'value']);
  if (parsed instanceof Refusal) return parsed;
  const members = objectMembers(body, 3);
  if (members.length > Object.keys(parsed).length) return notValid('A member is there twice.');
  const { type, value } = parsed;
  if (type === 'INCREMENT') return increment(value);
  const kind = typeof type === 'string' && Object.hasOwn(KINDS, type) ? KINDS[type] : undefined;
  if (kind === undefined) {
    const known = [...Object.keys(KINDS), 'INCREMENT'].join(', ');
    return new Refusal('type_not_correct', `The member "type" must be one of ${known}.`);
  }
  const member = members.find((each) => nameOf(body, each) === 'value');
  if (member === undefined) {
    const hint = 'The member "value" is missing; it may be any JSON value.';
    return new Refusal('value_not_valid', hint);
  }
  const bytes = bytesOf(body, member);
  if (kind === 'add' || kind === 'remove') return { kind, elements: [bytes] };
  return { kind, value: bytes };
}

const KINDS: Readonly<Record<string, 'put' | 'append' | 'assign' | 'add' | 'remove'>> = {
  PUT: 'put',
  APPEND: 'append',
  ASSIGN: 'assign',
  ADD: 'add',
  REMOVE: 'remove',
};

function increment(by: unknown): KeyChange | Refusal {
  if (by === undefined) return { kind: 'increment', by: 1 };
  if (typeof by === 'number' && Number.isSafeInteger(by)) return { kind: 'increment', by };
  const hint = 'The member "value" must be a whole number, or be absent for 1.';
  return new Refusal('value_not_valid', hint);
}

/** `{"url":"http://…"}`, and where it is allowed `{"replica_id":"…"}` instead. */
export function parsePeer(body: Buffer, names: readonly string[]): string | Refusal {
  const parsed = parseObject(body, 1, names);
  if (parsed instanceof Refusal) return parsed;
  const given = Object.entries(parsed);
  const [name = '', text] = given[0] ?? [];
  if (given.length === 1 && typeof text === 'string' && text !== '') return text;
  const wanted = names.map((one) => `"${one}"`).join(' or ');
  const what = given.length === 1 ? `${quoted(name)} must be a string` : `it takes ${wanted}`;
  return new Refusal('value_not_valid', `The body must name one peer: ${what}.`);
}

/** A key given as a text: at most so many bytes of UTF-8. */
export function keyOf(text: string, maxKeyBytes: number): ByteString | Refusal {
  if (text === '') return new Refusal('key_not_valid', 'A key must have a character.');
  if (UNPAIRED.test(text)) return new Refusal('key_not_valid', 'A key is not Unicode.');
  const bytes = Buffer.byteLength(text);
  if (bytes > maxKeyBytes) {
    const hint = `A key has more than ${maxKeyBytes} bytes.`;
    return new Refusal('key_too_long', hint, { bytes, limit: maxKeyBytes });
  }
  return Buffer.from(text, 'utf8').toString('latin1');
}

const UNPAIRED = /\p{Surrogate}/u;

const nameOf = (text: Buffer, { nameStart, nameEnd }: Member): string =>
  JSON.parse(text.toString('utf8', nameStart, nameEnd)) as string;

const bytesOf = (text: Buffer, { valueStart, valueEnd }: Member): Uint8Array =>
  new Uint8Array(text.subarray(valueStart, valueEnd));
