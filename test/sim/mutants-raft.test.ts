// Each mutant of the consensus is killed on its recorded seed.

import { MUTANTS } from '../../sim/mutants.ts'
import { suite } from '../harness.ts'
import { addRecorded, isOfRaft } from './recorded-mutants.ts'
import type { HasWorkshop } from './recorded-mutants.ts'

const test = suite<HasWorkshop>('mutants: consensus')

addRecorded(test, MUTANTS.filter(isOfRaft))
test.run()
