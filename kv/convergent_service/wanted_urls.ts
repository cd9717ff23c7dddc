/**
 * URLs at which an operator wants a peer and where nobody has said yet who is there: a peer is known
 * to the core by its id. They are kept in a small file beside the journal, so that whoever registered
 * a replica that was down need not do it again.
 */

import { join } from 'node:path';
import {
  type FileSystem,
  hasCode,
  isOutOfDescriptors,
  NODE_FILE_SYSTEM,
} from '../storage/file_system';
import { readFileSync, replaceFileSync } from '../storage/whole_files';

const FILE = 'wanted_peers.json';

export class WantedUrls {
  private readonly urls: Set<string>;

  /** Without a folder they are forgotten with the process, as everything is. */
  constructor(
    private readonly folder: string | undefined,
    private readonly fs: FileSystem = NODE_FILE_SYSTEM,
  ) {
    this.urls = new Set(folder === undefined ? [] : this.read(join(folder, FILE)));
  }

  get all(): readonly string[] {
    return [...this.urls];
  }

  has(url: string): boolean {
    return this.urls.has(url);
  }

  /** Durable when it returns; as it was when it throws. */
  add(url: string): void {
    if (this.urls.has(url)) return;
    this.urls.add(url);
    try {
      this.write();
    } catch (error) {
      this.urls.delete(url);
      throw error;
    }
  }

  /**
   * Who is there is a peer now. If no descriptor is left to say so, the file says it later: at worst
   * the URL is asked once more after a restart.
   */
  found(url: string): void {
    try {
      this.remove(url);
    } catch (error) {
      if (!isOutOfDescriptors(error)) throw error;
    }
  }

  /** Whether it was there. Durable when it returns. */
  remove(url: string): boolean {
    const was = this.urls.delete(url);
    if (was) this.write();
    return was;
  }

  private read(path: string): string[] {
    let text: string;
    try {
      text = readFileSync(this.fs, path).toString('utf8');
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return [];
      throw error;
    }
    const urls = parse(text);
    if (urls !== undefined) return urls;
    throw new Error(`the file ${path} is damaged: remove it, and register the peers in it again`);
  }

  private write(): void {
    if (this.folder === undefined) return;
    const text = `${JSON.stringify({ urls: this.all }, null, 2)}\n`;
    replaceFileSync(this.fs, join(this.folder, FILE), Buffer.from(text));
  }
}

function parse(text: string): string[] | undefined {
  try {
    const { urls } = JSON.parse(text) as { urls?: unknown };
    const fine = Array.isArray(urls) && urls.every((url) => typeof url === 'string');
    return fine ? (urls as string[]) : undefined;
  } catch {
    return undefined;
  }
}
