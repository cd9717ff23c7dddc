import { Writable } from 'node:stream';
import fc from 'fast-check';
import { createLogger, type LoggerOptions } from '../../kv/runtime/logger';

class Lines extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}

const NODE = '127.0.0.1:6000';

/** What is written, without the time in front. */
function written(
  log: (logger: ReturnType<typeof createLogger>) => void,
  options: Partial<LoggerOptions> = {},
): string {
  const stream = new Lines();
  log(createLogger({ node: NODE, level: 'debug', format: 'text', stream, ...options }));
  return stream.text.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, 'TIME');
}

test('one readable line for each event, at once', () => {
  expect(
    written((logger) => {
      logger.info('became leader', { term: 3, votes: 2 });
      logger.warn('slow disk');
      logger.error('cannot listen', { address: '0.0.0.0:80', reason: 'not permitted' });
      logger.debug('n1@3 → n2 AppendEntries');
    }),
  ).toBe(
    `TIME info  ${NODE}  became leader term=3 votes=2\n` +
      `TIME warn  ${NODE}  slow disk\n` +
      `TIME error ${NODE}  cannot listen address=0.0.0.0:80 reason="not permitted"\n` +
      `TIME debug ${NODE}  n1@3 → n2 AppendEntries\n`,
  );
});

test('as JSON on request', () => {
  const text = written((logger) => logger.info('became leader', { term: 3, peers: ['b', 'c'] }), {
    format: 'json',
  });
  expect(text.endsWith('\n')).toBe(true);
  expect(JSON.parse(text)).toEqual({
    ...{ time: 'TIME', level: 'info', node: NODE, message: 'became leader', term: 3 },
    peers: ['b', 'c'],
  });
});

test.each([
  ['error', ['error']],
  ['warn', ['error', 'warn']],
  ['info', ['error', 'warn', 'info']],
  ['debug', ['error', 'warn', 'info', 'debug']],
] as const)('level %s lets through %j', (level, expected) => {
  const text = written(
    (logger) => {
      expect(logger.debugOn).toBe(level === 'debug');
      for (const one of ['error', 'warn', 'info', 'debug'] as const) logger[one](`is ${one}`);
    },
    { level },
  );
  expect([...text.matchAll(/is (\w+)/g)].map((match) => match[1])).toEqual(expected);
});

test('nobody can forge a line or move the cursor', () => {
  const evil = `x\nTIME info ${NODE}  forged\r\u001b[2J\u0000\u009b\u2028`;
  const shown = `x\\nTIME info ${NODE}  forged\\r\\u001b[2J\\u0000\\u009b\\u2028`;
  expect(written((logger) => logger.info(evil))).toBe(`TIME info  ${NODE}  ${shown}\n`);
  const field = written((logger) => logger.info('m', { [evil]: evil, b: { [evil]: 1 } }));
  expect(field.trimEnd()).not.toMatch(/[\p{Cc}\u2028]/u);
});

test.each([
  ['a number', 1.5, '1.5'],
  ['nothing', null, 'null'],
  ['a flag', true, 'true'],
  ['an empty text', '', '""'],
  ['a text that looks like a field', 'a b=c', '"a b=c"'],
  ['a text with quotes', 'say "hi"', '"say \\"hi\\""'],
  ['a list', [1, 'a'], '[1,"a"]'],
  ['an error', new RangeError('too far'), '"too far"'],
  ['a big integer', 10n, '"10"'],
  ['a function', Math.max, '"function max() { [native code] }"'],
  ['infinity', Number.POSITIVE_INFINITY, 'null'],
])('%s as a field', (_name, value, expected) => {
  expect(written((logger) => logger.info('m', { value }))).toBe(
    `TIME info  ${NODE}  m value=${expected}\n`,
  );
});

test('a field that is undefined is left out', () => {
  expect(written((logger) => logger.info('m', { a: undefined, b: 1 }))).toMatch(/ {2}m b=1\n$/);
});

const circular: { self?: unknown } = {};
circular.self = circular;
const throwing = {
  get value(): string {
    throw new Error('no');
  },
};

test.each(['text', 'json'] as const)('what cannot be printed does not throw (%s)', (format) => {
  const log = (fields: Record<string, unknown>) =>
    written((logger) => logger.info('m', fields), { format });
  expect(log({ circular })).toMatch('[unprintable]');
  expect(log(throwing)).toMatch('[unprintable]');
  expect(log({ nested: throwing })).toMatch('[unprintable]');
});

test('fields cannot pass for the parts of the record', () => {
  const fields = { time: 'x', level: 'error', node: 'x', message: 'x', splat: ['x'] };
  const json = JSON.parse(written((logger) => logger.info('m', fields), { format: 'json' }));
  expect(json).toMatchObject({ time: 'TIME', level: 'info', node: NODE, message: 'm' });
  expect(written((logger) => logger.info('m %s', fields))).toMatch(`TIME info  ${NODE}  m %s `);
});

test('a line has a bounded length', () => {
  const long = 'x'.repeat(1_000_000);
  const many = Array.from({ length: 100_000 }, (_, i) => i);
  for (const format of ['text', 'json'] as const) {
    const text = written((logger) => logger.info(long, { long, many, inside: { long } }), {
      format,
    });
    expect(text.length).toBeLessThan(40_000);
    expect(text).toMatch('(1000000 characters)');
  }
});

test('in JSON too, control characters are escapes, and mean what they meant', () => {
  const evil = 'a\u007f\u0085\u009b\u2028\n';
  const text = written((logger) => logger.info(evil), { format: 'json' });
  expect(text.trimEnd()).not.toMatch(/[\p{Cc}\u2028]/u);
  expect(JSON.parse(text).message).toBe(evil);
});

test('any message and fields give exactly one line, and JSON stays JSON', () => {
  const fields = fc.dictionary(fc.string({ unit: 'binary' }), fc.anything());
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fields, (message, given) => {
      for (const format of ['text', 'json'] as const) {
        const text = written((logger) => logger.info(message, given), { format });
        expect(text.split('\n')).toHaveLength(2);
        expect(text.slice(0, -1)).not.toMatch(/\p{Cc}/u);
        if (format === 'json') JSON.parse(text);
      }
    }),
  );
});

test('a stream that fails loses the log and nothing else', () => {
  const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) });
  const logger = createLogger({ node: NODE, level: 'info', format: 'text', stream: broken });
  logger.info('one');
  logger.info('two');
  const closed = new Promise((resolve) => broken.on('close', resolve));
  return expect(closed.then(() => logger.info('three'))).resolves.toBeUndefined();
});

test('many loggers on one stream need only one listener', () => {
  const stream = new Lines();
  for (let i = 0; i < 20; i++) createLogger({ node: NODE, level: 'info', format: 'text', stream });
  expect(stream.listenerCount('error')).toBe(1);
});
