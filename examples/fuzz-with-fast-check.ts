// Fast-check invents disasters for the lock service; what breaks it would be shrunk and printed.

import fc from 'fast-check'
import { scenarios } from 'lockstep/fast-check'
import { simulate } from 'lockstep/sim'

const numRuns = 100
const holds = fc.property(scenarios(), (scenario) => simulate({ scenario }).verdict === 'ok')
fc.assert(holds, { numRuns })
console.log(`${numRuns} scenarios, all ok`)
