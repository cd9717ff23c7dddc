/** The list of what is checked is what a user reads: it names every checker, and none that is gone. */

import { CHECKS, CONVERGENT_CHECKS, DYNAMO_CHECKS, LOG_CHECKS } from '../../kv/sim/checks';
import { readSources } from '../laws/sources';

const sources = readSources('kv/sim').filter(({ path }) => path !== 'kv/sim/checks.ts');
const below = (folder: string) =>
  sources.filter(({ path }) => path.startsWith(`kv/sim/${folder}/`));
const OTHERS = {
  dynamo: { texts: below('dynamo'), checks: DYNAMO_CHECKS, least: 15 },
  convergent: { texts: below('convergent'), checks: CONVERGENT_CHECKS, least: 15 },
  log: { texts: below('log'), checks: LOG_CHECKS, least: 15 },
};
const ofRaft = sources.filter(
  (source) => !Object.values(OTHERS).some(({ texts }) => texts.includes(source)),
);
const shared = below('raft')
  .concat(below('checkers'))
  .reduce((rest, source) => rest.filter((one) => one !== source), ofRaft);
const thrownBy = (texts: typeof sources): string[] =>
  texts.flatMap(({ text }) =>
    [...text.matchAll(/(?:new Violation|fail)\(\s*'([^']+)',/g)].map(([, name]) => name as string),
  );

test('every violation carries a name of the list', () => {
  expect(thrownBy(ofRaft).length).toBeGreaterThan(20);
  expect(thrownBy(ofRaft).filter((name) => !(name in CHECKS))).toEqual([]);
});

test.each(Object.keys(CHECKS))('%s is thrown somewhere', (name) => {
  expect(ofRaft.some(({ text }) => text.includes(`'${name}'`))).toBe(true);
});

describe.each(Object.entries(OTHERS))('of %s', (_, { texts, checks, least }) => {
  test('every violation carries a name of the list', () => {
    expect(thrownBy(texts).length).toBeGreaterThan(least);
    expect(thrownBy(texts).filter((name) => !(name in checks))).toEqual([]);
  });

  test.each(Object.keys(checks))('%s is thrown somewhere', (name) => {
    expect([...texts, ...shared].some(({ text }) => text.includes(`'${name}'`))).toBe(true);
  });
});
