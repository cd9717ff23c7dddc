/** Bodies of a POST to a key that are no command. */

import { type Malformed, NOT_VALID, one, PUT, TOO_LARGE } from './malformed';
import { request } from './raw_client';

export const MALFORMED_BODIES: readonly Malformed[] = [
  body('empty', '', NOT_VALID),
  body('only space', '  \n', NOT_VALID),
  body('not JSON', 'hello', NOT_VALID),
  body('single quotes', "{'type':'PUT','value':1}", NOT_VALID),
  body('truncated', '{"type":"PUT","value":', NOT_VALID),
  body('truncated in a string', '{"type":"PUT","value":"abc', NOT_VALID),
  body('trailing comma', '{"type":"PUT","value":1,}', NOT_VALID),
  body('two texts', `${PUT}${PUT}`, NOT_VALID),
  body('a comment', `/* */${PUT}`, NOT_VALID),
  body('NaN', '{"type":"PUT","value":NaN}', NOT_VALID),
  body('leading zero', '{"type":"PUT","value":01}', NOT_VALID),
  body('a control character in a string', '{"type":"PUT","value":"a\nb"}', NOT_VALID),
  body('an unknown escape', '{"type":"PUT","value":"\\x41"}', NOT_VALID),
  body('a list', '["PUT",1]', NOT_VALID),
  body('a string', '"PUT"', NOT_VALID),
  body('null', 'null', NOT_VALID),
  body('a number', '42', NOT_VALID),
  body('an unknown member', '{"type":"PUT","value":1,"ttl":5}', NOT_VALID),
  body('a member of another case', '{"type":"PUT","value":1,"Value":1}', NOT_VALID),
  body('__proto__', '{"type":"PUT","value":1,"__proto__":{"x":1}}', NOT_VALID),
  body('type twice', '{"type":"PUT","type":"PUT","value":1}', NOT_VALID),
  body('value twice', '{"type":"PUT","value":1,"value":2}', NOT_VALID),
  body('value twice, once in escapes', '{"type":"PUT","\\u0076alue":1,"value":2}', NOT_VALID),
  body('a byte order mark', `\ufeff${PUT}`, NOT_VALID),
  body('UTF-16', Buffer.from(PUT, 'utf16le'), NOT_VALID),
  body('Latin-1', Buffer.from('{"type":"PUT","value":"\xfc"}', 'latin1'), NOT_VALID),
  body('overlong UTF-8', Buffer.from('{"type":"PUT","value":"\xc0\xaf"}', 'latin1'), NOT_VALID),
  body('a surrogate', Buffer.from('{"type":"PUT","value":"\xed\xa0\x80"}', 'latin1'), NOT_VALID),
  body('truncated UTF-8', Buffer.from('{"type":"PUT","value":"\xe2\x82"}', 'latin1'), NOT_VALID),
  body('binary', Buffer.from([0, 1, 2, 255, 254, 0]), NOT_VALID),
  body('zeros', Buffer.alloc(100), NOT_VALID),
  body('no type', '{"value":1}', [400, 'type_not_correct']),
  body('an empty object', '{}', [400, 'type_not_correct']),
  body('an unknown type', '{"type":"DELETE","value":1}', [400, 'type_not_correct']),
  body('a type in lower case', '{"type":"put","value":1}', [400, 'type_not_correct']),
  body('a type that is a list', '{"type":["PUT"],"value":1}', [400, 'type_not_correct']),
  body('a type that is null', '{"type":null,"value":1}', [400, 'type_not_correct']),
  body('no value', '{"type":"PUT"}', [400, 'value_not_valid']),
  body('APPEND without a value', '{"type":"APPEND"}', [400, 'value_not_valid']),
  body('nested too deep', `{"type":"PUT","value":${'['.repeat(17)}${']'.repeat(17)}}`, [
    400,
    'value_not_valid',
  ]),
  body('brackets without end', '['.repeat(9_999), [400, 'value_not_valid']),
  body('objects without end', '{"a":'.repeat(1_999), [400, 'value_not_valid']),
  body('one byte too large', `{"type":"PUT","value":"${'x'.repeat(9_976)}"}`, TOO_LARGE),
  body('much too large', 'x'.repeat(300_000), TOO_LARGE),
];

function body(name: string, text: string | Buffer, answer: readonly [number, string]): Malformed {
  return one(`body: ${name}`, request('POST', '/keys/a', text), answer);
}
