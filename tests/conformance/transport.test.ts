import { nodeId } from '../../kv/core/ids';
import { MemoryNetwork } from '../../kv/runtime/memory_transport';
import { NOTES, type Note } from '../runtime/peer_support';
import { PeerWorld } from '../runtime/peer_world';
import { describeTransport } from './transport_suite';

const IDS = [nodeId('n1'), nodeId('n2')] as const;

describeTransport('the transport in memory', async () => {
  const network = new MemoryNetwork<Note>(NOTES);
  return {
    ids: IDS,
    make: async (id) =>
      network.transport(
        id,
        IDS.filter((other) => other !== id),
      ),
    cut: () => network.cut(...IDS),
    heal: () => network.heal(...IDS),
    close: async () => undefined,
  };
});

describeTransport('the transport on TCP', () => PeerWorld.open(IDS));
describeTransport('the transport on TCP with a shared secret', () =>
  PeerWorld.open(IDS, { secret: 'a word that both know' }),
);
describeTransport('the transport on the HTTP server of its node', () =>
  PeerWorld.open(IDS, { secret: 'a word that both know' }, true),
);
