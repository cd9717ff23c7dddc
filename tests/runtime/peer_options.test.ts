import { parsePeerAddress } from '../../kv/runtime/peer_options';

test('addresses are read, and others are not', () => {
  expect(parsePeerAddress('127.0.0.1:6000')).toMatchObject({ host: '127.0.0.1', port: 6000 });
  expect(parsePeerAddress('[::1]:6000')).toEqual({ id: '[::1]:6000', host: '::1', port: 6000 });
  expect(parsePeerAddress('node-1.example:65535')?.host).toBe('node-1.example');
  for (const bad of [
    '',
    'a',
    'a:',
    ':1',
    'a:0',
    'a:65536',
    'a:-1',
    '::1:5',
    'a b:1',
    'a:1/',
    'http://a:1',
  ]) {
    expect([bad, parsePeerAddress(bad)]).toEqual([bad, undefined]);
  }
});
