/**
 * What a client may ask for beside the key and the value: query parameters and the header
 * `Idempotency-Key`. An unknown or doubled parameter is refused, naming it: whoever misspells
 * `min_index` must not be given a read without it.
 *
 * Values are whole numbers and plain words, so nothing is percent-decoded here.
 */

import { MAX_U48 } from '../core/bytes';
import type { ReadLevel } from '../core/command';
import type { ReadOptions, WriteOptions } from '../service';
import { quoted, Refusal } from './error_status';

const LEVELS: readonly string[] = ['linearizable', 'lease', 'stale'] satisfies ReadLevel[];
const READ_PARAMETERS = ['level', 'max_staleness_ms', 'min_index', 'timeout_ms'];
const WRITE_PARAMETERS = ['timeout_ms'];
const MAX_IDEMPOTENCY_KEY_BYTES = 255;

/** Shared by all requests without options, which are most. */
const NO_OPTIONS = Object.freeze({});

export function parseReadOptions(query: string, maxTimeoutMs: number): ReadOptions | Refusal {
  if (query === '') return NO_OPTIONS;
  const parameters = parseQuery(query, READ_PARAMETERS);
  if (parameters instanceof Refusal) return parameters;
  const options: { -readonly [Name in keyof ReadOptions]: ReadOptions[Name] } = {};
  for (const [name, text] of parameters) {
    if (name === 'level') {
      if (!LEVELS.includes(text)) return notValid(name, `one of ${LEVELS.join(', ')}`);
      options.level = text as ReadLevel;
      continue;
    }
    const [least, most] = name === 'timeout_ms' ? [1, maxTimeoutMs] : [0, MAX_U48];
    const value = wholeNumber(text);
    if (!(value >= least && value <= most)) return notANumber(name, least, most);
    if (name === 'timeout_ms') options.timeoutMs = value;
    else if (name === 'min_index') options.minIndex = value;
    else options.maxStalenessMs = value;
  }
  if (options.maxStalenessMs !== undefined && options.level !== 'stale') {
    return notValid('max_staleness_ms', 'sent together with level=stale');
  }
  return options;
}

/** `idempotencyKey` is the header as Node gives it: repeated ones come joined by a comma. */
export function parseWriteOptions(
  query: string,
  idempotencyKey: string | string[] | undefined,
  maxTimeoutMs: number,
): WriteOptions | Refusal {
  if (query === '' && idempotencyKey === undefined) return NO_OPTIONS;
  const options: { -readonly [Name in keyof WriteOptions]: WriteOptions[Name] } = {};
  if (idempotencyKey !== undefined) {
    if (typeof idempotencyKey !== 'string' || !isIdempotencyKey(idempotencyKey)) {
      return new Refusal(
        'idempotency_key_not_valid',
        `Idempotency-Key must be sent once, with 1 to ${MAX_IDEMPOTENCY_KEY_BYTES} visible ASCII characters and no comma.`,
      );
    }
    options.idempotencyKey = idempotencyKey;
  }
  const parameters = parseQuery(query, WRITE_PARAMETERS);
  if (parameters instanceof Refusal) return parameters;
  for (const [name, text] of parameters) {
    const value = wholeNumber(text);
    if (!(value >= 1 && value <= maxTimeoutMs)) return notANumber(name, 1, maxTimeoutMs);
    options.timeoutMs = value;
  }
  return options;
}

function parseQuery(query: string, known: readonly string[]): Map<string, string> | Refusal {
  const parameters = new Map<string, string>();
  if (query === '') return parameters;
  for (const part of query.split('&', known.length + 1)) {
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    if (!known.includes(name)) {
      const hint = `The parameter ${quoted(name)} is not known; known here: ${known.join(', ')}.`;
      return new Refusal('parameter_not_valid', hint, { parameter: name.slice(0, 64) });
    }
    if (parameters.has(name)) return notValid(name, 'sent once');
    parameters.set(name, equals < 0 ? '' : part.slice(equals + 1));
  }
  return parameters;
}

/** Digits only, at most 15 of them (so that the number is exact); NaN for anything else. */
function wholeNumber(text: string): number {
  if (text.length === 0 || text.length > 15) return Number.NaN;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = 10 * value + digit;
  }
  return value;
}

/** Visible ASCII. No comma, because a proxy may join repeated headers with one. */
function isIdempotencyKey(text: string): boolean {
  if (text.length === 0 || text.length > MAX_IDEMPOTENCY_KEY_BYTES) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code <= 0x20 || code >= 0x7f || code === 0x2c) return false;
  }
  return true;
}

function notANumber(name: string, least: number, most: number): Refusal {
  return notValid(name, `a whole number from ${least} to ${most}`);
}

function notValid(name: string, mustBe: string): Refusal {
  return new Refusal('parameter_not_valid', `The parameter ${name} must be ${mustBe}.`, {
    parameter: name,
  });
}
