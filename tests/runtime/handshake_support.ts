/** One node, `n1`, whose only peer `n2` is played by raw bytes. */

import { nodeId } from '../../kv/core/ids';
import type { PeerLimits } from '../../kv/runtime/peer_options';
import { PeerTransport } from '../../kv/runtime/peer_transport';
import { type Knock, knock, type Lie, noteBody, type RawConnection } from './peer_raw';
import { type Line, MemoryLog, NOTES, type Note, Recorder } from './peer_support';
import { QUICK } from './peer_world';

export const N2 = nodeId('n2');

export class Door {
  readonly heard = new Recorder();
  private readonly open: RawConnection[] = [];

  private constructor(
    readonly transport: PeerTransport<Note>,
    private readonly secret: string | undefined,
    readonly log: MemoryLog,
  ) {}

  static async open(limits: Partial<PeerLimits> = {}, secret?: string): Promise<Door> {
    const log = new MemoryLog();
    const transport = new PeerTransport<Note>({
      self: nodeId('n1'),
      cluster: 'test',
      bind: { host: '127.0.0.1', port: 0 },
      // Nobody listens on port 1, so that only accepted connections play a part.
      peers: [{ id: N2, host: '127.0.0.1', port: 1 }],
      codec: NOTES,
      log,
      limits: { ...QUICK, repeatLogMs: 0, ...limits },
      ...(secret === undefined ? {} : { secret }),
    });
    const door = new Door(transport, secret, log);
    transport.listen(door.heard);
    await transport.start();
    return door;
  }

  get port(): number {
    return this.transport.address.port;
  }

  /** Goes through a handshake with the right secret, unless the lie says otherwise. */
  async knock(lie: Lie = {}): Promise<Knock> {
    const result = await knock(this.port, { secret: this.secret, ...lie });
    this.open.push(result.connection);
    return result;
  }

  /** The lines about accepted connections: dialling n2 in vain is not what is looked at here. */
  refusals(): Line[] {
    return this.log.warnings.filter(({ message }) => message.includes('was refused'));
  }

  /** Shows that a connection carries messages. */
  async carries({ connection, frame }: Knock, number: number): Promise<void> {
    connection.send(frame(noteBody(number)));
    await this.heard.until(() => this.heard.numbers(N2).includes(number));
  }

  async close(): Promise<void> {
    for (const connection of this.open) connection.destroy();
    await this.transport.close();
  }
}
