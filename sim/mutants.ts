// Real consensus bugs as data: each is one edit of our own source that makes it wrong in a way some
// system once shipped. The simulator must catch every one; `lockstep mutants` shows that it does.

import { CLIENT_MUTANTS } from './mutants/client.ts'
import { ELECTION_MUTANTS } from './mutants/election.ts'
import { LOCK_MUTANTS } from './mutants/lock.ts'
import { MEMBERSHIP_MUTANTS } from './mutants/membership.ts'
import type { Mutant } from './mutants/mutant.ts'
import { READ_MUTANTS } from './mutants/read.ts'
import { REPLICATION_MUTANTS } from './mutants/replication.ts'
import { SESSION_MUTANTS } from './mutants/session.ts'
import { SNAPSHOT_MUTANTS } from './mutants/snapshot.ts'
import { STORAGE_MUTANTS } from './mutants/storage.ts'
import { VERSION_MUTANTS } from './mutants/version.ts'

/**
 * All mutants. Ids are those of the field's list of bugs; L is for locks, V for versions, G for
 * clients: ours.
 */
export const MUTANTS: readonly Mutant[] = [
  ...ELECTION_MUTANTS,
  ...REPLICATION_MUTANTS,
  ...MEMBERSHIP_MUTANTS,
  ...SNAPSHOT_MUTANTS,
  ...READ_MUTANTS,
  ...STORAGE_MUTANTS,
  ...LOCK_MUTANTS,
  ...SESSION_MUTANTS,
  ...VERSION_MUTANTS,
  ...CLIENT_MUTANTS,
]
