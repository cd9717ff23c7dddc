/** Every malformed request gets a clear answer, and after it the service is as it was. */

import { LIMITS, MALFORMED } from './malformed_requests';
import { ask, RawClient, request } from './raw_client';
import { errorOf, startServer, type TestServer, VARIANTS } from './test_server';

const MESSAGES_OF_400 = [
  'The request is not valid',
  'The request type is not correct',
  'The request value is not valid',
];

const SPECIAL_MESSAGES: Readonly<Record<string, string>> = {
  type_not_correct: 'The request type is not correct',
  value_not_valid: 'The request value is not valid',
};

describe.each(VARIANTS)('$variant', ({ hotPath, fastLane }) => {
  let http: TestServer;

  beforeAll(async () => {
    http = await startServer({ hotPath, fastLane, ...LIMITS });
    http.service.state.set('kept', '"as it was"');
  });
  afterAll(() => http.stop());

  test.each(MALFORMED)('$name', async ({ send, answers, halfClose }) => {
    const client = await RawClient.open(http.port);
    client.send(send);
    if (halfClose === true) client.socket.end();
    for (const [status, code] of answers) {
      const response = await client.next(send.startsWith('HEAD') ? 'HEAD' : 'GET');
      const error = errorOf(response);
      expect([response.status, error.code]).toEqual([status, code]);
      expect(error).toMatchObject({ outcome: 'not_applied', retry: 'no' });
      expect(error.details.hint).toMatch(/^[A-Z].*\.$/);
      expect(response.headers['content-type']).toBe('application/json');
      expect(response.headers['x-content-type-options']).toBe('nosniff');
      if (status === 400) {
        expect(MESSAGES_OF_400).toContain(error.message);
        expect(error.message).toBe(SPECIAL_MESSAGES[code] ?? 'The request is not valid');
      }
      if (status === 405)
        expect(response.headers).toMatchObject({ allow: expect.stringContaining('GET') });
    }
    client.close();

    expect(http.service.writes).toEqual([]);
    expect([...http.service.state]).toEqual([['kept', '"as it was"']]);
    expect(http.errors).toEqual([]);
    const good = await ask(http.port, request('GET', '/keys/kept'));
    expect([good.status, good.body]).toEqual([200, '"as it was"']);
  });

  test('the table is as long as was promised', () => {
    expect(MALFORMED.length).toBeGreaterThanOrEqual(60);
    expect(new Set(MALFORMED.map((row) => row.name)).size).toBe(MALFORMED.length);
  });
});
