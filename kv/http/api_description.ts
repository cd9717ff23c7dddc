/**
 * Finds the description of a system's interface, which lies at the root of the package: two folders
 * up from the sources, three from the compiled files.
 */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** `api_description.yml` describes the service on Raft; the others have a page of their own. */
export const descriptionOf = (protocol: string): string =>
  protocol === 'raft' ? 'api_description.yml' : `api_description_${protocol}.yml`;

export function readApiDescription(protocol = 'raft'): string {
  const name = descriptionOf(protocol);
  for (let folder = __dirname; ; folder = dirname(folder)) {
    const file = join(folder, name);
    if (existsSync(file)) return readFileSync(file, 'utf8');
    if (folder === dirname(folder)) {
      throw new Error(`${name} is not in the package; install the package again`);
    }
  }
}
