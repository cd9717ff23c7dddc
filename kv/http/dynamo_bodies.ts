/**
 * The bodies that the leaderless system takes. Strict on purpose, as those of `command_body.ts`: a
 * member that is not known is refused, because the client meant something by it.
 */

import type { VersionPut } from '../service';
import { quoted, Refusal } from './error_status';
import { nestsDeeperThan } from './json_extent';

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

function parseObject(
  body: Buffer,
  maxNesting: number,
  names: readonly string[],
): Readonly<Record<string, unknown>> | Refusal {
  // The object around the value is one level more.
  if (nestsDeeperThan(body, maxNesting + 1)) {
    return new Refusal('value_not_valid', `The value is nested deeper than ${maxNesting} levels.`, {
      limit: maxNesting,
    });
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body));
  } catch {
    return notValid('The body is not JSON in UTF-8.');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return notValid('The body is not a JSON object.');
  }
  const unknown = Object.keys(parsed).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    return notValid(`The member ${quoted(unknown)} is not known; only ${names.join(', ')} are.`);
  }
  return { ...parsed };
}

const notValid = (hint: string): Refusal => new Refusal('request_not_valid', hint);
