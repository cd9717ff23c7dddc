/**
 * Commands and their results as bytes: what is in the log, for ever.
 *
 *     byte 0    version, 1
 *     byte 1    operation: 1 put, 2 append, 3 delete
 *     byte 2,3  length of the key, little-endian
 *     then      the key, and the value up to the end (at least one byte; none for delete)
 *
 * The state machine reads a command in place, by `commandProblem`, `operationOf` and `valueStart`,
 * and copies the key and the value from there.
 */

import { invariant } from '../assert';
import { DecodeError } from '../bytes';
import type { ByteString, Command, CommandResult } from '../command';
import { latin1Text } from '../latin1';
import { allocate } from '../slab';

export const MAX_KEY_BYTES = 0xffff;

export const OPERATION = { put: 1, append: 2, delete: 3 } as const;

const VERSION = 1;
const HEADER_BYTES = 4;

/** The key's characters must all be below 256, and there are at most {@link MAX_KEY_BYTES}. */
export function encodeCommand(command: Command): Uint8Array {
  const { kind, key } = command;
  const value = kind === 'delete' ? undefined : command.value;
  invariant(key.length <= MAX_KEY_BYTES, 'a key must fit its length field', { is: key.length });
  invariant(value?.length !== 0, 'a value must not be empty', { kind });
  const bytes = allocate(HEADER_BYTES + key.length + (value?.length ?? 0));
  bytes[0] = VERSION;
  bytes[1] = OPERATION[kind];
  bytes[2] = key.length & 0xff;
  bytes[3] = key.length >> 8;
  let seen = 0;
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i);
    seen |= code;
    bytes[HEADER_BYTES + i] = code;
  }
  invariant(seen < 256, 'a key must be a byte string', { key });
  if (value !== undefined) bytes.set(value, HEADER_BYTES + key.length);
  return bytes;
}

/** The value shares memory with `bytes`. Throws `DecodeError` for anything but one command. */
export function decodeCommand(bytes: Uint8Array): Command {
  checkCommand(bytes);
  const key: ByteString = latin1Text(bytes, KEY_AT, valueStart(bytes));
  const operation = operationOf(bytes);
  if (operation === OPERATION.delete) return { kind: 'delete', key };
  const value = bytes.subarray(valueStart(bytes));
  return { kind: operation === OPERATION.put ? 'put' : 'append', key, value };
}

/** Throws `DecodeError` for bytes that are not exactly one command. */
export function checkCommand(bytes: Uint8Array): void {
  const problem = commandProblem(bytes);
  if (problem !== undefined) throw new DecodeError(problem);
}

/** Why these bytes are not exactly one command, or undefined if they are. */
export function commandProblem(bytes: Uint8Array): string | undefined {
  if (bytes.length < HEADER_BYTES) return `a command of ${bytes.length} bytes is too short`;
  if (bytes[0] !== VERSION) return `the command has version ${bytes[0]}, known is ${VERSION}`;
  const operation = bytes[1] as number;
  if (operation < OPERATION.put || operation > OPERATION.delete) {
    return `the command has an unknown operation ${operation}`;
  }
  const valueBytes = bytes.length - valueStart(bytes);
  if (valueBytes < 0) return `the key of the command lacks ${-valueBytes} bytes`;
  if (operation === OPERATION.delete && valueBytes > 0) return 'a delete has no value';
  if (operation !== OPERATION.delete && valueBytes === 0) return 'the value is missing';
  return undefined;
}

/** One of {@link OPERATION}. This and the next are for commands without a problem. */
export const operationOf = (bytes: Uint8Array): number => bytes[1] as number;

/** Where the key begins; it ends where the value starts. */
export const KEY_AT = HEADER_BYTES;

export const valueStart = (bytes: Uint8Array): number =>
  HEADER_BYTES + ((bytes[2] as number) | ((bytes[3] as number) << 8));

const RESULTS: readonly CommandResult[] = ['ok', 'not_found', 'not_a_list', 'too_large'];

/** One byte each, made once: a result must not be changed by whoever receives it. */
const ENCODED: Readonly<Record<CommandResult, Uint8Array>> = {
  ok: Uint8Array.of(0),
  not_found: Uint8Array.of(1),
  not_a_list: Uint8Array.of(2),
  too_large: Uint8Array.of(3),
};

export const encodeResult = (result: CommandResult): Uint8Array => ENCODED[result];

export function decodeResult(bytes: Uint8Array): CommandResult {
  const result = bytes.length === 1 ? RESULTS[bytes[0] as number] : undefined;
  if (result === undefined) throw new DecodeError('these bytes are not the result of a command');
  return result;
}
