// A thread of a campaign: gets seeds one at a time, runs each, and sends back a report. Nothing
// that it keeps from one seed can reach the next.

import { parentPort, workerData } from 'node:worker_threads'
import { failedReport, reportOf, runSeed, seedOptions } from '../sim/campaign.ts'
import type { SeedReport } from '../sim/campaign.ts'
import { compareRuns } from '../sim/determinism.ts'
import { READY } from './pool.ts'
import type { WorkerJob } from './pool.ts'

const DETERMINISM = 'same seed, same run'
const job = workerData as WorkerJob

parentPort?.on('message', (seed: number) => {
  parentPort?.postMessage(job.twice ? runTwice(seed) : run(seed))
})
parentPort?.postMessage(READY)

function run(seed: number): SeedReport {
  const { setting, traceLines } = job
  return runSeed(seed, { ...seedOptions(seed, setting), traceLines })
}

/** Two runs that part are a broken rule too, and outweigh what either of them has found. */
function runTwice(seed: number): SeedReport {
  try {
    const { setting, traceLines } = job
    const { result, difference } = compareRuns({ ...seedOptions(seed, setting), traceLines })
    const report = reportOf(seed, result)
    if (difference === null) return report
    const violation = { oracle: DETERMINISM, message: difference.message }
    return { ...report, verdict: 'violation', violation }
  } catch (error) {
    return failedReport(seed, error)
  }
}
