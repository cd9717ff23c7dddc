/** The bodies that the leaderless system takes. */

import type { VersionPut } from '../service';
import { VALUE_MISSING } from './command_body';
import { Refusal } from './error_status';
import { notValid, type ObjectShape, parseJsonObject, parseObject } from './json_object';

const PUT: ObjectShape = {
  names: ['type', 'value', 'quorum', 'metadata'],
  example: '{"type":"PUT","value":"…","quorum":2,"metadata":"…"}',
};
const MAX_SEED = 255;

/** `{"type":"PUT","value":<JSON>,"quorum":2,"metadata":"…"}`; the last two may be absent. */
export function parsePut(body: Buffer, maxNesting: number): VersionPut | Refusal {
  const parsed = parseJsonObject(body, maxNesting, PUT);
  if (parsed instanceof Refusal) return parsed;
  const { type, quorum, metadata } = parsed.members;
  if (type !== 'PUT') {
    return new Refusal('type_not_correct', 'The member "type" must be "PUT".');
  }
  const value = parsed.textOf('value');
  if (value === undefined) return VALUE_MISSING;
  if (quorum !== undefined && typeof quorum !== 'number') {
    return notValid('The member "quorum" must be a whole number.');
  }
  if (metadata !== undefined && metadata !== null && typeof metadata !== 'string') {
    return notValid('The member "metadata" must be a string of an earlier answer, or be absent.');
  }
  // A copy: a version is kept for long, and must not keep alive all that came with it.
  return { value: new Uint8Array(value), quorum, metadata: metadata ?? '' };
}

/** `{"seed":"host:port"}` */
export function parseJoin(body: Buffer): string | Refusal {
  const parsed = parseObject(body, 1, ['seed']);
  if (parsed instanceof Refusal) return parsed;
  const { seed } = parsed;
  if (typeof seed === 'string' && seed.length <= MAX_SEED) return seed;
  return notValid('The member "seed" must be the host:port of a member.');
}
