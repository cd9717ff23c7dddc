/**
 * The scenarios of both original systems, by the very commands of their descriptions: `curl/` holds
 * them with what they print.
 */

import { join } from 'node:path';
import { Loopback, runScript } from '../support/curl_script';
import { run, testIf } from '../support/e2e_root';

jest.setTimeout(300_000);

const testWithNetwork = testIf('ip netns', () => new Loopback().open().close());

// What is started compiles what is not compiled yet, which may take longer than a start.
beforeAll(() => {
  run(process.execPath, join(__dirname, '..', '..', 'bin', 'setup.js'));
});

for (const form of ['first_form', 'second_form']) {
  testWithNetwork(`curl, ${form.replace('_', ' ')}`, async () => {
    const network = new Loopback().open();
    try {
      expect(await runScript(join(__dirname, 'curl', form), network)).toBeGreaterThan(15);
    } finally {
      network.close();
    }
  });
}
