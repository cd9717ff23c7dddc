/** The list of what is checked is what a user reads: it names every checker, and none that is gone. */

import { CHECKS, DYNAMO_CHECKS } from '../../kv/sim/checks';
import { readSources } from '../laws/sources';

const sources = readSources('kv/sim').filter(({ path }) => path !== 'kv/sim/checks.ts');
const ofDynamo = sources.filter(({ path }) => path.startsWith('kv/sim/dynamo/'));
const ofRaft = sources.filter((source) => !ofDynamo.includes(source));
const shared = sources.filter(({ path }) => !/^kv\/sim\/(dynamo|raft|checkers)\//.test(path));
const thrownBy = (texts: typeof sources): string[] =>
  texts.flatMap(({ text }) =>
    [...text.matchAll(/(?:new Violation|fail)\(\s*'([^']+)',/g)].map(([, name]) => name as string),
  );

test('every violation carries a name of the list', () => {
  expect(thrownBy(ofRaft).length).toBeGreaterThan(20);
  expect(thrownBy(ofRaft).filter((name) => !(name in CHECKS))).toEqual([]);
  expect(thrownBy(ofDynamo).length).toBeGreaterThan(15);
  expect(thrownBy(ofDynamo).filter((name) => !(name in DYNAMO_CHECKS))).toEqual([]);
});

test.each(Object.keys(CHECKS))('%s is thrown somewhere', (name) => {
  expect(ofRaft.some(({ text }) => text.includes(`'${name}'`))).toBe(true);
});

test.each(Object.keys(DYNAMO_CHECKS))('%s is thrown somewhere for Dynamo', (name) => {
  expect([...ofDynamo, ...shared].some(({ text }) => text.includes(`'${name}'`))).toBe(true);
});
