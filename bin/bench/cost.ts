/**
 * What a load costs the machine, as the kernel counts it, in the same way for every system:
 * processor time from `/proc/<pid>/stat`, bytes written by the disk that holds the data from
 * `/proc/diskstats`, and bytes sent over TCP by all sockets of the processes from `ss -ti` (so without
 * headers of TCP and below). The disk is counted as a whole because `write_bytes` of
 * `/proc/<pid>/io` counts a whole large page of the cache, a MiB even, for every byte that is
 * written into it; so its numbers are good on a machine that does nothing else. Where the kernel is
 * another one or `ss` is missing, the column stays empty.
 */

import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { promisify } from 'node:util';

/** Linux tells times to programs in hundredths of a second on every machine that runs Node. */
const TICKS_PER_SECOND = 100;
const SS_OUTPUT_BYTES = 64 * 2 ** 20;
/** Times of user and kernel, counted from behind the name of the program, which may hold spaces. */
const USER_TIME = 11;
const SYSTEM_TIME = 12;
/** A line of `/proc/diskstats` is the device's two numbers, its name, and what it has counted. */
const SECTORS_WRITTEN = 9;
const SECTOR_BYTES = 512;

export interface Sample {
  readonly atMs: number;
  /** Of each process, in seconds; undefined where the kernel does not tell. */
  readonly cpu: readonly (number | undefined)[];
  readonly diskBytes: number | undefined;
  readonly wireBytes: number | undefined;
}

export interface Cost {
  /** Seconds of processor time in each second, of each node. */
  readonly cpuPerNode: readonly (number | undefined)[];
  readonly cpuOfLoad: number | undefined;
  readonly diskBytes: number | undefined;
  readonly wireBytes: number | undefined;
}

/**
 * Processor times are read last before a load and first after it, because the rest takes a while:
 * counting sockets, and bringing to the disk what others have left to be written.
 */
export async function sampleBefore(pids: readonly number[], folder: string): Promise<Sample> {
  await promisify(execFile)('sync').catch(() => undefined);
  const wireBytes = await readWireBytes(pids);
  return { wireBytes, ...sampleKernel(pids, folder) };
}

export async function sampleAfter(pids: readonly number[], folder: string): Promise<Sample> {
  const told = sampleKernel(pids, folder);
  return { ...told, wireBytes: await readWireBytes(pids) };
}

/** The difference of two samples of the nodes and, last, of the process of the load, if any. */
export function costBetween(before: Sample, after: Sample, nodes: number): Cost {
  const seconds = (after.atMs - before.atMs) / 1000;
  const cpu = after.cpu.map((value, i) => {
    const used = difference(before.cpu[i], value);
    return used === undefined ? undefined : used / seconds;
  });
  return {
    cpuPerNode: cpu.slice(0, nodes),
    cpuOfLoad: cpu[nodes],
    diskBytes: difference(before.diskBytes, after.diskBytes),
    wireBytes: difference(before.wireBytes, after.wireBytes),
  };
}

function difference(before: number | undefined, after: number | undefined): number | undefined {
  return before === undefined || after === undefined ? undefined : after - before;
}

/** Seconds of processor time that each process has used so far. */
export const cpuOf = (pids: readonly number[]): (number | undefined)[] =>
  pids.map((pid) => told(`/proc/${pid}/stat`, cpuSeconds));

function sampleKernel(pids: readonly number[], folder: string): Omit<Sample, 'wireBytes'> {
  const cpu = cpuOf(pids);
  const { dev } = statSync(folder);
  const diskBytes = told('/proc/diskstats', (text) => writtenBytes(text, dev));
  return { atMs: performance.now(), cpu, diskBytes };
}

/** What a file of the kernel says; undefined where there is no such file, or not for us. */
function told(path: string, read: (text: string) => number | undefined): number | undefined {
  try {
    return read(readFileSync(path, 'latin1'));
  } catch {
    return undefined;
  }
}

/** From the text of `/proc/<pid>/stat`. */
export function cpuSeconds(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[USER_TIME]) + Number(fields[SYSTEM_TIME])) / TICKS_PER_SECOND;
}

/** From the text of `/proc/diskstats`, for the device number of a file on it. */
export function writtenBytes(diskstats: string, device: number): number | undefined {
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  const lines = diskstats.split('\n').map((line) => line.trim().split(/\s+/));
  const found = lines.find(([x, y]) => Number(x) === major && Number(y) === minor);
  return found === undefined ? undefined : Number(found[SECTORS_WRITTEN]) * SECTOR_BYTES;
}

async function readWireBytes(pids: readonly number[]): Promise<number | undefined> {
  try {
    const options = { maxBuffer: SS_OUTPUT_BYTES };
    const { stdout } = await promisify(execFile)('ss', ['-tinpHO'], options);
    return sentBytes(stdout, pids);
  } catch {
    return undefined;
  }
}

/** From what `ss -tinpHO` prints, one socket in a line: what these processes have sent so far. */
export function sentBytes(output: string, pids: readonly number[]): number {
  const wanted = new Set(pids.map(String));
  let total = 0;
  for (const line of output.split('\n')) {
    const pid = /pid=(\d+)/.exec(line)?.[1];
    if (pid === undefined || !wanted.has(pid)) continue;
    total += Number(/ bytes_sent:(\d+)/.exec(line)?.[1] ?? 0);
  }
  return total;
}
