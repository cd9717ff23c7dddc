/** The bodies that the leaderless system takes. */

import type { VersionPut } from '../service';
import { Refusal } from './error_status';
import { notValid, parseObject } from './json_object';

/** `{"type":"PUT","value":<JSON>,"quorum":2,"metadata":"…"}`; the last two may be absent. */
export function parsePut(body: Buffer, maxNesting: number): VersionPut | Refusal {
  const parsed = parseObject(body, maxNesting, ['type', 'value', 'quorum', 'metadata']);
  if (parsed instanceof Refusal) return parsed;
  const { type, value, quorum, metadata } = parsed;
  if (type !== 'PUT') {
    return new Refusal('type_not_correct', 'The member "type" must be "PUT".');
  }
  if (value === undefined) {
    const hint = 'The member "value" is missing; it may be any JSON value.';
    return new Refusal('value_not_valid', hint);
  }
  if (quorum !== undefined && typeof quorum !== 'number') {
    return notValid('The member "quorum" must be a whole number.');
  }
  if (metadata !== undefined && metadata !== null && typeof metadata !== 'string') {
    return notValid('The member "metadata" must be a string of an earlier answer, or be absent.');
  }
  return { value: Buffer.from(JSON.stringify(value)), quorum, metadata: metadata ?? '' };
}

/** `{"seed":"host:port"}` */
export function parseJoin(body: Buffer): string | Refusal {
  const parsed = parseObject(body, 1, ['seed']);
  if (parsed instanceof Refusal) return parsed;
  const { seed } = parsed;
  if (typeof seed === 'string' && seed.length <= 255) return seed;
  return notValid('The member "seed" must be the host:port of a member.');
}
