/** The form of a malformed request in the tables, and the words that they share. */

export interface Malformed {
  readonly name: string;
  /** The bytes to send, one character for each. */
  readonly send: string;
  /** The answers that must come, in order. */
  readonly answers: readonly (readonly [status: number, code: string])[];
  /** The client sends the end of its stream after the bytes. */
  readonly halfClose?: boolean;
}

export const NOT_VALID = [400, 'request_not_valid'] as const;
export const TOO_LARGE = [413, 'too_large'] as const;
export const PUT = '{"type":"PUT","value":1}';

export function one(name: string, send: string, answer: readonly [number, string]): Malformed {
  return { name, send, answers: [answer] };
}
