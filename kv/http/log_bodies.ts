/** The bodies that the message log takes. */

import type { LogMessage, NewMessage } from '../service';
import { Refusal } from './error_status';
import { notValid, parseObject } from './json_object';

/** An echo may be any JSON; nothing else here is nested. */
const ECHO_NESTING = 128;

/** `{"message":"Msg1","w":2,"id":"…","timeout_ms":500}`; all but the message may be absent. */
export function parseAppend(body: Buffer, maxTimeoutMs: number): NewMessage | Refusal {
  const parsed = parseObject(body, 1, ['message', 'w', 'id', 'timeout_ms']);
  if (parsed instanceof Refusal) return parsed;
  const text = messageOf(parsed);
  if (text instanceof Refusal) return text;
  const { w, id, timeout_ms: timeoutMs } = parsed;
  if (id !== undefined && !isId(id)) return ID_NOT_VALID;
  if (timeoutMs !== undefined && !isWhole(timeoutMs, 1, maxTimeoutMs)) {
    return notValid(`The member "timeout_ms" must be a whole number from 1 to ${maxTimeoutMs}.`);
  }
  // Whatever is no number is outside of the range too.
  return { text, w: w === undefined ? undefined : numberOf(w), id, timeoutMs };
}

/** `{"id":"…","message":"Msg1","order":0}`, as a master sends it to a secondary. */
export function parseReplicate(body: Buffer): LogMessage | Refusal {
  const parsed = parseObject(body, 1, ['id', 'message', 'order']);
  if (parsed instanceof Refusal) return parsed;
  const text = messageOf(parsed);
  if (text instanceof Refusal) return text;
  const { id, order } = parsed;
  if (!isId(id)) return ID_NOT_VALID;
  if (!isWhole(order, 0, Number.MAX_SAFE_INTEGER)) {
    return notValid('The member "order" must be a whole number, 0 or more.');
  }
  return { id, text, order };
}

/** `{"message":…}` with any JSON value. */
export function parseEcho(body: Buffer): { readonly message: unknown } | Refusal {
  const parsed = parseObject(body, ECHO_NESTING, ['message']);
  if (parsed instanceof Refusal) return parsed;
  return parsed.message === undefined ? NO_MESSAGE : { message: parsed.message };
}

/** The message as JSON again: what is kept is what readers are sent. */
function messageOf({ message }: Readonly<Record<string, unknown>>): string | Refusal {
  if (message === undefined || message === '') return NO_MESSAGE;
  if (typeof message !== 'string') return MESSAGE_NOT_VALID;
  return JSON.stringify(message);
}

/** Half a surrogate pair has no UTF-8, so such an id would not come back as it was sent. */
const isId = (id: unknown): id is string =>
  typeof id === 'string' && id !== '' && !/\p{Surrogate}/u.test(id);

const numberOf = (value: unknown): number => (typeof value === 'number' ? value : Number.NaN);

const isWhole = (value: unknown, least: number, most: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;

const NO_MESSAGE = new Refusal(
  'value_not_valid',
  'The member "message" is missing or empty; send the text of the message.',
);
const MESSAGE_NOT_VALID = new Refusal('value_not_valid', 'The member "message" must be a string.');
const ID_NOT_VALID = notValid('The member "id" must be a string of at least one character.');
