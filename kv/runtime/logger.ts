/**
 * The log of a node: one line on stderr for each event that an operator cares about.
 *
 *     2026-01-31T12:00:00.000Z info  127.0.0.1:6000  became leader term=3 votes=2
 *
 * As text for eyes, or as JSON for collectors. Whatever is logged, it stays one line (control
 * characters are escaped, since keys and peers' texts may hold any), it has a bounded length, and
 * it never throws: a log must not be able to stop a node.
 */

import type { Writable } from 'node:stream';
import { isNativeError } from 'node:util/types';
import { createLogger as createWinston, format, transports } from 'winston';
import type { Log, LogFields } from './log';

export interface LoggerOptions {
  /** The id of the node, in every line. */
  readonly node: string;
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  readonly format: 'text' | 'json';
  /** Where lines go; stderr when absent. */
  readonly stream?: Writable;
}

export interface Logger extends Log {
  /** Whether `debug` does anything; ask first where a line costs something to build. */
  readonly debugOn: boolean;
  debug(message: string, fields?: LogFields): void;
}

export function createLogger(options: LoggerOptions): Logger {
  const stream = options.stream ?? process.stderr;
  surviveErrorsOf(stream);
  const lineOf = options.format === 'json' ? jsonLine : textLine;
  const winston = createWinston({
    level: options.level,
    format: format.printf(({ level, message, fields }) =>
      lineOf({
        time: new Date().toISOString(),
        level,
        node: options.node,
        message: String(message),
        fields: fields as LogFields | undefined,
      }),
    ),
    transports: [new transports.Stream({ stream, eol: '\n' })],
  });
  // The fields stay apart, so that none of them can pass for a part of winston's own record.
  const at = (level: string) => (message: string, fields?: LogFields) => {
    winston.log({ level, message, fields });
  };
  return {
    debugOn: options.level === 'debug',
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  };
}

/** Streams that have been given a listener for their errors. */
const survived = new WeakSet<Writable>();

/** A closed terminal or a full disk loses the log, and only the log. */
function surviveErrorsOf(stream: Writable): void {
  if (survived.has(stream)) return;
  survived.add(stream);
  stream.on('error', () => undefined);
}

interface Line {
  readonly time: string;
  readonly level: string;
  readonly node: string;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

/** The longest text that one value may take. */
const MAX_TEXT = 4000;

function textLine({ time, level, node, message, fields }: Line): string {
  const head = `${time} ${level.padEnd(5)} ${node}  ${oneLine(message)}`;
  return entriesOf(fields)
    .map(([name, value]) => ` ${oneLine(name)}=${textOf(value)}`)
    .reduce((line, field) => line + field, head);
}

function jsonLine({ time, level, node, message, fields }: Line): string {
  const printable = entriesOf(fields).map(([name, value]) => [name, JSON.parse(jsonOf(value))]);
  const own = { time, level, node, message: clipped(message) };
  // The line's own names come first, for readers, and last, so that no field can replace them.
  const line = { ...own, ...Object.fromEntries(printable), ...own };
  // JSON leaves some control characters as they are; as escapes they mean the same.
  return escaped(JSON.stringify(line));
}

/** The fields that have a value, even if reading one of them throws. */
function entriesOf(fields: LogFields | undefined): [string, unknown][] {
  return Object.keys(fields ?? {}).flatMap((name): [string, unknown][] => {
    try {
      const value = fields?.[name];
      return value === undefined ? [] : [[name, value]];
    } catch {
      return [[name, UNPRINTABLE]];
    }
  });
}

const UNPRINTABLE = '[unprintable]';

/** Words and numbers as they are; anything that needs quotes as JSON. */
function textOf(value: unknown): string {
  if (typeof value === 'string' && /^[\w.:/@+*-]+$/.test(value)) return clipped(value);
  return escaped(jsonOf(value));
}

/** The value as JSON on one line; whatever JSON cannot say becomes a text. */
function jsonOf(value: unknown): string {
  try {
    const json = JSON.stringify(value, (_name, part: unknown) => {
      if (isNativeError(part)) return clipped(part.message);
      if (typeof part === 'bigint') return `${part}`;
      return typeof part === 'string' ? clipped(part) : part;
    });
    if (json === undefined) return JSON.stringify(String(value));
    return json.length <= MAX_TEXT * 2 ? json : JSON.stringify(clipped(json));
  } catch {
    return JSON.stringify(UNPRINTABLE);
  }
}

const oneLine = (text: string): string => escaped(clipped(text));

const clipped = (text: string): string =>
  text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}… (${text.length} characters)`;

/** Control characters and the separators of lines, as \u escapes: they could forge lines. */
function escaped(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(4, '0');
    return { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[character] ?? `\\u${code}`;
  });
}
