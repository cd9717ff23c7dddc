/** URLs of peers that nobody answers at: remembered across restarts, in a file that is replaced whole. */

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WantedUrls } from '../../kv/convergent_service/wanted_urls';
import { type FileSystem, NODE_FILE_SYSTEM } from '../../kv/storage/file_system';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quorum-kv-wanted-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('what is added is there after a restart, and gone when it is removed', () => {
  const wanted = new WantedUrls(folder);
  for (const url of ['http://a:1', 'http://b:2', 'http://a:1']) wanted.add(url);
  expect(new WantedUrls(folder).all).toEqual(['http://a:1', 'http://b:2']);
  expect([wanted.remove('http://a:1'), wanted.remove('http://a:1')]).toEqual([true, false]);
  const again = new WantedUrls(folder);
  expect([again.has('http://a:1'), again.has('http://b:2')]).toEqual([false, true]);
  expect(readdirSync(folder)).toEqual(['wanted_peers.json']);
});

test('a crash while the file is replaced leaves the one before', () => {
  new WantedUrls(folder).add('http://a:1');
  writeFileSync(join(folder, 'wanted_peers.json.partial'), '{"urls":["http');
  expect(new WantedUrls(folder).all).toEqual(['http://a:1']);
});

test.each(['', '{', '[]', 'null', '{"urls":7}', '{"urls":[7]}'])(
  'a damaged file is one clear sentence: %j',
  (text) => {
    writeFileSync(join(folder, 'wanted_peers.json'), text);
    expect(() => new WantedUrls(folder)).toThrow(/wanted_peers.json is damaged: remove it/);
  },
);

test('without a folder nothing is written', () => {
  const wanted = new WantedUrls(undefined);
  wanted.add('http://a:1');
  expect(wanted.all).toEqual(['http://a:1']);
  expect(readdirSync(folder)).toEqual([]);
});

describe('where the file cannot be written', () => {
  /** A system whose next opening of a file fails with this code. */
  function failing(code: string): FileSystem {
    const openSync = () => {
      throw Object.assign(new Error(code), { code });
    };
    return { ...NODE_FILE_SYSTEM, openSync };
  }
  const wantedBy = (fs: FileSystem): WantedUrls => {
    new WantedUrls(folder).add('http://a:1');
    // Only the reading of the file succeeds.
    let isRead = false;
    const openSync: FileSystem['openSync'] = (...args) => {
      const system = isRead ? fs : NODE_FILE_SYSTEM;
      isRead = true;
      return system.openSync(...args);
    };
    return new WantedUrls(folder, { ...NODE_FILE_SYSTEM, openSync });
  };

  test('a URL that could not be written is not wanted', () => {
    const wanted = wantedBy(failing('EMFILE'));
    expect(() => wanted.add('http://b:2')).toThrow('EMFILE');
    expect(wanted.all).toEqual(['http://a:1']);
  });

  test.each(['EMFILE', 'ENFILE'])('one that was found can wait for descriptors: %s', (code) => {
    const wanted = wantedBy(failing(code));
    wanted.found('http://a:1');
    expect(wanted.all).toEqual([]);
    expect(new WantedUrls(folder).all).toEqual(['http://a:1']);
  });

  test('a disk that fails is no such thing', () => {
    expect(() => wantedBy(failing('EIO')).found('http://a:1')).toThrow('EIO');
  });
});
