/**
 * Runs every golden script below `scripts/` and compares the trace with the recorded one, which a
 * person has read and vouches for. `REWRITE=1 npx jest tests/core/raft/golden` records anew: review
 * the diff as carefully as the code that caused it.
 */

import { join } from 'node:path';
import { findScripts, headOf, readScript, runScript, writeScript } from '../../support/script';
import { ScriptWorld } from '../../support/script_commands';

const FOLDER = join(__dirname, 'scripts');
const REWRITE = process.env.REWRITE === '1';
const scripts = findScripts(FOLDER);

test.each(scripts)('%s', (name) => {
  const path = join(FOLDER, name);
  const script = readScript(path);
  const world = new ScriptWorld();
  const output = runScript(script, (command) => world.run(command));
  if (REWRITE) writeScript(path, { ...script, recorded: output });
  else expect(output).toBe(script.recorded);
});

test.each(scripts)('%s says what to look at', (name) => {
  expect(headOf(readScript(join(FOLDER, name)))).toMatch(/^# .{20}/);
});

test('the scripts are found', () => {
  expect(scripts.length).toBeGreaterThanOrEqual(45);
});
