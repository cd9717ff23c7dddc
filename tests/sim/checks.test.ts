/** The list of what is checked is what a user reads: it names every checker, and none that is gone. */

import { CHECKS } from '../../kv/sim/checks';
import { readSources } from '../laws/sources';

const sources = readSources('kv/sim').filter(({ path }) => path !== 'kv/sim/checks.ts');
const thrown = sources.flatMap(({ text }) =>
  [...text.matchAll(/(?:new Violation|fail)\(\s*'([^']+)',/g)].map(([, name]) => name as string),
);

test('every violation carries a name of the list', () => {
  expect(thrown.length).toBeGreaterThan(20);
  expect(thrown.filter((name) => !(name in CHECKS))).toEqual([]);
});

test.each(Object.keys(CHECKS))('%s is thrown somewhere', (name) => {
  expect(sources.some(({ text }) => text.includes(`'${name}'`))).toBe(true);
});
