// Each mutant of locks, sessions, the log on disk, versions and clients is killed on its recorded
// seed.

import { MUTANTS } from '../../sim/mutants.ts'
import { suite } from '../harness.ts'
import { addRecorded, isOfRaft } from './recorded-mutants.ts'
import type { HasWorkshop } from './recorded-mutants.ts'

const test = suite<HasWorkshop>('mutants: service')

addRecorded(test, MUTANTS.filter((mutant) => !isOfRaft(mutant)))
test.run()
