/** Versions as bytes, the same in journals, snapshots and messages. */

import { type ByteReader, type ByteWriter, DecodeError } from '../bytes';
import { readDot, readPast, writeDot, writePast } from './metadata';
import { isVersionSet, type Version, type Versions } from './versions';

const LEAST_VERSION_BYTES = 22;
/**
 * No set of versions is larger. Each of 256 members takes up to 256 (`maxSiblings`) when all are cut
 * off from each other, and what was taken must be readable afterwards.
 */
export const MAX_VERSIONS = 65_536;

export function writeVersions(writer: ByteWriter, versions: Versions): ByteWriter {
  writer.u32(versions.length);
  for (const { dot, past, value } of versions) {
    writeDot(writer, dot);
    writePast(writer, past).bytes(value);
  }
  return writer;
}

export function readVersions(reader: ByteReader): Versions {
  const count = reader.count(LEAST_VERSION_BYTES);
  if (count > MAX_VERSIONS) throw new DecodeError(`${count} versions of a key are too many`);
  const versions: Version[] = Array.from({ length: count }, () => {
    const dot = readDot(reader);
    const past = readPast(reader);
    // A copy: a version is kept for long, and must not keep alive all that came with it.
    return { dot, past, value: new Uint8Array(reader.bytes()) };
  });
  if (!isVersionSet(versions)) {
    throw new DecodeError('the versions of a key are sorted and concurrent with each other');
  }
  return versions;
}
