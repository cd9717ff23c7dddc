/**
 * Who a data folder belongs to, in `identity.json`: cluster, node and a number drawn when the
 * folder was created. The number is in every file beside it, so that files of another folder are
 * noticed, and the node tells it to its peers, so that a wiped or swapped disk is noticed too.
 */

import { join } from 'node:path';
import { type NodeId, nodeId, type StorageId, storageId } from '../core/ids';
import { crc32 } from './checksum';
import { type FileSystem, hasCode } from './file_system';
import type { StorageIdentity } from './storage';
import { IdentityDamaged, WrongFolder } from './storage_errors';
import { readFileSync, replaceFileSync } from './whole_files';

export const IDENTITY_FILE = 'identity.json';
const VERSION = 1;
const MAX_STORAGE_ID = 2 ** 48 - 1;

/** Who opens the folder. What is not named is taken from the folder. */
export interface Claim {
  readonly nodeId?: string | undefined;
  readonly clusterId?: string | undefined;
}

/** The identity of a folder; undefined when the folder has none yet. */
export function readIdentity(
  fs: FileSystem,
  folder: string,
  claim: Claim,
): StorageIdentity | undefined {
  const path = join(folder, IDENTITY_FILE);
  let bytes: Buffer;
  try {
    bytes = readFileSync(fs, path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  const identity = parseIdentity(path, bytes.toString('utf8'));
  if (claim.nodeId !== undefined) {
    refuseMismatch(folder, 'node', identity.nodeId, claim.nodeId);
  }
  if (claim.clusterId !== undefined) {
    refuseMismatch(folder, 'cluster', identity.clusterId, claim.clusterId);
  }
  // A process that was killed may have given the file its name and not have made that durable.
  fs.syncFolderSync(folder);
  return identity;
}

/** Writes the identity of a new folder and makes it durable. */
export function writeIdentity(fs: FileSystem, folder: string, identity: StorageIdentity): void {
  replaceFileSync(fs, join(folder, IDENTITY_FILE), Buffer.from(identityText(identity)));
}

function identityText(identity: StorageIdentity): string {
  const { clusterId, nodeId: node, storageId: storage } = identity;
  const fields = { version: VERSION, clusterId, nodeId: node, storageId: storage };
  const checksum = crc32(Buffer.from(JSON.stringify(fields)));
  return `${JSON.stringify({ ...fields, checksum }, null, 2)}\n`;
}

function parseIdentity(path: string, text: string): StorageIdentity {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    throw new IdentityDamaged(path, 'it is not JSON');
  }
  if (!isIdentity(fields)) throw new IdentityDamaged(path, 'a field is missing or malformed');
  if (fields.version !== VERSION) {
    throw new IdentityDamaged(path, `its version is ${fields.version}, not ${VERSION}`);
  }
  const identity = {
    clusterId: fields.clusterId,
    nodeId: nodeId(fields.nodeId),
    storageId: storageId(fields.storageId),
  };
  if (identityText(identity) !== text) throw new IdentityDamaged(path, 'it does not verify');
  return identity;
}

interface IdentityFields {
  readonly version: number;
  readonly clusterId: string;
  readonly nodeId: string;
  readonly storageId: number;
}

function isIdentity(value: unknown): value is IdentityFields {
  if (typeof value !== 'object' || value === null) return false;
  const { version, clusterId, nodeId: node, storageId: storage } = value as Record<string, unknown>;
  return (
    typeof version === 'number' &&
    typeof clusterId === 'string' &&
    typeof node === 'string' &&
    node.length > 0 &&
    isStorageId(storage)
  );
}

/** The id of a node that has no other name than that of its disk. */
export const nodeOfDisk = (disk: StorageId): NodeId => nodeId(disk.toString(16).padStart(12, '0'));

export const isStorageId = (value: unknown): value is StorageId =>
  Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= MAX_STORAGE_ID;

function refuseMismatch(folder: string, what: string, stored: string, claimed: string): void {
  if (stored === claimed) return;
  throw new WrongFolder(
    `the data folder ${folder} belongs to ${what} "${stored}", but this is ${what} "${claimed}"; ` +
      'start with the folder that belongs to it, or with an empty one',
  );
}
