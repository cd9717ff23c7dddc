/**
 * The limits of the HTTP server, all in one place, each with its default and its unit in its name.
 * Nothing that a client sends is without a bound.
 */

export interface HttpOptions {
  /**
   * Told of every error that nobody foresaw; the request concerned has been answered with 500.
   * The program decides: it stops the node for a broken invariant and logs the rest.
   */
  readonly onError: (error: unknown) => void;
  /** Longest key, in bytes after percent-decoding. */
  readonly maxKeyBytes?: number;
  /** Largest body of a request. */
  readonly maxBodyBytes?: number;
  /** How deep the lists and objects of a value may be nested. */
  readonly maxNesting?: number;
  /** Largest `timeout_ms` that a request may ask for. */
  readonly maxTimeoutMs?: number;
  /** Connections beyond this are closed as they come. */
  readonly maxConnections?: number;
  /** How long a client may take to send the headers of a request. */
  readonly headersTimeoutMs?: number;
  /** How long a client may take to send a whole request. */
  readonly requestTimeoutMs?: number;
  /** How long an idle connection is kept. */
  readonly keepAliveTimeoutMs?: number;
  /** How long `drain` waits for requests under way before it cuts their connections. */
  readonly drainTimeoutMs?: number;
  /**
   * False sends `/keys/` through Express like everything else. The answers are the same, only
   * slower: it is for the tests that prove this, and for measuring.
   */
  readonly hotPath?: boolean;
  /**
   * False serves `/keys/` with `node:http` from the first byte; so does `hotPath: false`. Again the
   * answers are the same.
   */
  readonly fastLane?: boolean;
}

export type HttpSettings = Required<HttpOptions>;

export function httpSettings(options: HttpOptions): HttpSettings {
  return Object.freeze({ ...DEFAULTS, ...options });
}

const DEFAULTS = {
  maxKeyBytes: 1024,
  maxBodyBytes: 4 * 1024 * 1024,
  maxNesting: 128,
  maxTimeoutMs: 300_000,
  maxConnections: 10_000,
  headersTimeoutMs: 20_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 60_000,
  drainTimeoutMs: 10_000,
  hotPath: true,
  fastLane: true,
} satisfies Omit<HttpSettings, 'onError'>;
