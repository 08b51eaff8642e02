// A thread of `lockstep check`: gets files one at a time, and sends back what came of each.

import { parentPort, workerData } from 'node:worker_threads'
import { checkFile, type CheckSettings } from './check-file.ts'

parentPort?.on('message', (file: string) => {
  void checkFile(file, workerData as CheckSettings).then(({ summary }) => {
    parentPort?.postMessage(summary)
  })
})
