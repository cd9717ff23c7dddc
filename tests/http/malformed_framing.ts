/** Bytes that are no HTTP, and requests whose length or end is not what they say. */

import { type Malformed, NOT_VALID, one, PUT, TOO_LARGE } from './malformed';
import { request } from './raw_client';

export const MALFORMED_FRAMING: readonly Malformed[] = [
  one('garbage: text', 'hello there\r\n\r\n', NOT_VALID),
  one('garbage: binary', '\x00\x01\x02\xff\xfe\xfd\r\n\r\n', NOT_VALID),
  one('garbage: TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', NOT_VALID),
  one('garbage: HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', NOT_VALID),
  one('garbage: HTTP/0.9', 'GET /keys/a\r\n\r\n', NOT_VALID),
  one('garbage: HTTP/9.9', 'GET /keys/a HTTP/9.9\r\nHost: a\r\n\r\n', NOT_VALID),
  one(
    'framing: a length that is no number',
    request('POST', '/keys/a', PUT, ['Content-Length: x']),
    NOT_VALID,
  ),
  one(
    'framing: a negative length',
    request('POST', '/keys/a', PUT, ['Content-Length: -1']),
    NOT_VALID,
  ),
  one(
    'framing: a length in hex',
    request('POST', '/keys/a', PUT, ['Content-Length: 0x18']),
    NOT_VALID,
  ),
  one(
    'framing: two lengths',
    request('POST', '/keys/a', PUT, ['Content-Length: 24', 'Content-Length: 25']),
    NOT_VALID,
  ),
  one(
    'framing: an absurd length',
    request('POST', '/keys/a', '', ['Content-Length: 999999999999']),
    TOO_LARGE,
  ),
  one(
    'framing: a length beyond all numbers',
    request('POST', '/keys/a', '', [`Content-Length: ${'9'.repeat(40)}`]),
    NOT_VALID,
  ),
  {
    name: 'framing: a length that is too short',
    send: request('POST', '/keys/a', PUT, ['Content-Length: 20']),
    answers: [NOT_VALID],
  },
  {
    name: 'framing: a body that breaks off',
    send: request('POST', '/keys/a', PUT, ['Content-Length: 100']),
    answers: [NOT_VALID],
    halfClose: true,
  },
  {
    name: 'framing: headers that break off',
    send: 'POST /keys/a HTTP/1.1\r\nHost: a\r\nConte',
    answers: [NOT_VALID],
    halfClose: true,
  },
  {
    name: 'framing: chunks that break off',
    send: chunked('5\r\n{"typ'),
    answers: [NOT_VALID],
    halfClose: true,
  },
  one('framing: a chunk size that is no hex', chunked('xyz\r\n{}\r\n0\r\n\r\n'), NOT_VALID),
  one('framing: a chunk that is longer than it says', chunked('1\r\n{}\r\n0\r\n\r\n'), NOT_VALID),
  one(
    'framing: chunks that are too large in all',
    chunked(`1770\r\n${'x'.repeat(6000)}\r\n`.repeat(3)),
    TOO_LARGE,
  ),
  one(
    'framing: chunks of one byte too many in all',
    chunked(`2711\r\n{"type":"PUT","value":"${'x'.repeat(9_976)}"}\r\n0\r\n\r\n`),
    TOO_LARGE,
  ),
  one('framing: one huge chunk announced', chunked(`fffffff\r\n${'x'.repeat(20_000)}`), TOO_LARGE),
  one(
    'framing: an unknown transfer coding',
    chunked(`18\r\n${PUT}\r\n0\r\n\r\n`).replace(': chunked', ': gzip, chunked'),
    NOT_VALID,
  ),
  one(
    'smuggling: length and chunks',
    chunked(`0\r\n\r\n${request('DELETE', '/keys/kept')}`, 'Content-Length: 4'),
    NOT_VALID,
  ),
  one(
    'smuggling: chunks and length',
    `POST /keys/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX`,
    NOT_VALID,
  ),
  one(
    'smuggling: chunked is not the last coding',
    chunked('0\r\n\r\n').replace(': chunked', ': chunked, identity'),
    NOT_VALID,
  ),
  one(
    'smuggling: chunked twice',
    chunked(`18\r\n${PUT}\r\n0\r\n\r\n`, 'Transfer-Encoding: chunked'),
    NOT_VALID,
  ),
  one(
    'smuggling: a header behind a vertical tab',
    request('POST', '/keys/a', PUT, ['X-A: b', '\x0bTransfer-Encoding: chunked']),
    NOT_VALID,
  ),
  one(
    'smuggling: a header behind a bare carriage return',
    request('POST', '/keys/a', PUT, ['X-A: b\rTransfer-Encoding: chunked']),
    NOT_VALID,
  ),
  one(
    'smuggling: a header behind a bare line feed',
    request('POST', '/keys/a', PUT, ['X-A: b\nTransfer-Encoding: chunked']),
    NOT_VALID,
  ),
];

function chunked(chunks: string, ...more: string[]): string {
  return request('POST', '/keys/a', '', ['Transfer-Encoding: chunked', ...more]) + chunks;
}
