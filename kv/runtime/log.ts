/**
 * What the runtime needs of a log: one line with fields. The logger of the service fits it, and so
 * does an array in a test.
 */

export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** For programs that want to hear nothing. */
export const QUIET: Log = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
