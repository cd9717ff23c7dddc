/** Starts a process of its own that opens a data folder, keeps it, and says so. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** Lets a plain Node process load the TypeScript of the project. */
const LOADER = `
  const ts = require(${JSON.stringify(require.resolve('typescript'))});
  require.extensions['.ts'] = (module, path) => {
    const source = require('node:fs').readFileSync(path, 'utf8');
    const compilerOptions = { module: 'commonjs', target: 'es2022', esModuleInterop: true };
    module._compile(ts.transpileModule(source, { compilerOptions }).outputText, path);
  };
`;

export interface Holder {
  readonly process: ChildProcess;
  /** Kills it and waits until it is gone. */
  kill(): Promise<void>;
}

/** Resolves once the process has opened the folder (as node n1 of cluster c). */
export async function holdFolder(folder: string): Promise<Holder> {
  const storage = JSON.stringify(require.resolve('../../kv/storage/durable_storage.ts'));
  const options = JSON.stringify({ folder, nodeId: 'n1', clusterId: 'c', segmentBytes: 4096 });
  const program = `${LOADER}
    const { openDurableStorage } = require(${storage});
    openDurableStorage({ ...${options}, drawStorageId: () => 77 });
    process.stdout.write('open');
    setInterval(() => undefined, 1000);
  `;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = once(child, 'exit');
  await Promise.race([once(child.stdout, 'data'), gone]);
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await gone;
  };
  return { process: child, kill };
}
