/**
 * The words of the key/value service: what a client may ask of it and what it can answer.
 *
 * Keys and values are *byte strings*: UTF-8 bytes held in a string, one character for each byte.
 * Engines store such strings compactly and outside the part of the heap that is searched for
 * pointers, so a million of them cost little; and a value is sent out as it came in, without being
 * parsed, encoded or copied in between. Whoever stands at the edge (HTTP, the embedding API)
 * converts; nobody further in looks inside, but for the brackets of a list.
 */

/** UTF-8 bytes, one character (0 to 255) for each byte. */
export type ByteString = string;

/** What changes the state. `value` is the UTF-8 text of one JSON value without space around it. */
export type Command =
  | { readonly kind: 'put'; readonly key: ByteString; readonly value: Uint8Array }
  | { readonly kind: 'append'; readonly key: ByteString; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly key: ByteString };

/**
 * What a command came to. All four are deterministic results, equal on all replicas.
 * `too_large`: the list would have grown past {@link MAX_VALUE_BYTES}.
 */
export type CommandResult = 'ok' | 'not_found' | 'not_a_list' | 'too_large';

/** What may be read: the JSON text of a value, or `undefined` where there is none. */
export interface Query {
  readonly key: ByteString;
}
export type Answer = ByteString | undefined;

/** A list never grows past this by APPEND; part of the format, so that all replicas agree. */
export const MAX_VALUE_BYTES = 256 * 1024 * 1024;

/** How fresh a read must be. See `raft/read_index.ts` for what each one guarantees. */
export type ReadLevel = 'linearizable' | 'lease' | 'stale';
