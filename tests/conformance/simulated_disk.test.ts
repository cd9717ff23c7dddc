import { ModelDisk } from '../../kv/sim/model_disk';
import { journalDisk } from '../../kv/sim_disk/journal_disk';
import { describeSimulatedDisk } from './simulated_disk_suite';

describeSimulatedDisk('the journal on simulated files', journalDisk);
describeSimulatedDisk('the model of a disk', (storage, prng) => new ModelDisk(storage, prng));
