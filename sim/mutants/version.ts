// Mistakes of the version of the machine's rules, in groups that are upgraded one node at a time.

import type { Mutant } from './mutant.ts'

/** Bugs of upgrades. */
export const VERSION_MUTANTS: readonly Mutant[] = [
  {
    id: 'V1',
    file: 'core/replica.ts',
    find: `const { version } = work
  const [after, reply, events] = machine.apply`,
    replace: `const version = versionsOf(machine)
  const [after, reply, events] = machine.apply`,
    story: 'A node goes by the newest rules that its build knows, not by those of the log.',
    source: 'https://github.com/databendlabs/databend/issues/19794',
    killedBy: { seed: 2, oracle: 'equal state at equal index' },
  },
  {
    id: 'V2',
    file: 'core/replica.ts',
    find: 'work.snapshotting = { index: applied, version: work.version }',
    replace: 'work.snapshotting = { index: applied, version: FIRST_VERSION }',
    story: 'A snapshot does not keep which rules were in force.',
    source: 'https://github.com/hashicorp/raft/pull/139',
    killedBy: { seed: 2, oracle: 'snapshots on disk are the log' },
  },
  {
    id: 'V3',
    file: 'core/raft/version.ts',
    find: 'versions >= version && role.progress.every((peer) => peer.versions >= version)',
    replace: 'versions >= version',
    story: 'A leader raises the version once it knows it itself, and asks nobody else.',
    source: 'https://github.com/kubernetes/kubernetes/issues/54027',
    killedBy: { seed: 2, oracle: 'a version is raised once all know it' },
  },
  {
    id: 'V4',
    file: 'core/replica.ts',
    find: 'const version = snapshot?.version ?? FIRST_VERSION',
    replace: 'const version = FIRST_VERSION',
    story: 'A restart from a snapshot goes by the first rules until the version is raised again.',
    source: 'https://github.com/etcd-io/etcd/issues/11716',
    killedBy: { seed: 2, oracle: 'equal version at equal index' },
  },
  {
    id: 'V5',
    file: 'core/replica.ts',
    find: `work.clockMs = stampMs
    work.version = version`,
    replace: 'work.clockMs = stampMs',
    story: "A node that installs its leader's snapshot goes on by the rules that it had before.",
    source: 'https://github.com/databendlabs/databend/issues/19794',
    killedBy: { seed: 2, oracle: 'equal version at equal index' },
  },
  {
    id: 'V6',
    file: 'core/raft/reconfigure.ts',
    find: 'if (!newVotersKnow(turn, role, after, version))',
    replace: 'if (!newVotersKnow(turn, role, after, Math.min(version, 1)))',
    story: 'A node gets a vote that has to stop, since it does not know the version in force.',
    source: 'https://github.com/scylladb/scylladb/issues/1253',
    killedBy: { seed: 24, oracle: 'who gets a vote knows the version' },
  },
  {
    id: 'V7',
    file: 'core/replica.ts',
    find: 'work.raiseIndex > work.applied',
    replace: 'work.raiseIndex < 0',
    story: 'A leader raises the version once more while a raise of it is on its way.',
    source: 'https://github.com/curie-eng/curie/issues/2589',
    killedBy: { seed: 43, oracle: 'invariant' },
  },
]
