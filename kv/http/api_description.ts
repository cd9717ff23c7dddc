/**
 * Finds `api_description.yml`, which lies at the root of the package: two folders up from the
 * sources, three from the compiled files.
 */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const FILE_NAME = 'api_description.yml';

export function readApiDescription(): string {
  for (let folder = __dirname; ; folder = dirname(folder)) {
    const file = join(folder, FILE_NAME);
    if (existsSync(file)) return readFileSync(file, 'utf8');
    if (folder === dirname(folder)) {
      throw new Error(`${FILE_NAME} is not in the package; install the package again`);
    }
  }
}
