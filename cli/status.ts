// `lockstep status`: who has a lock.

import { fieldLines, printAnswer, told } from './answer.ts'
import { keyOf } from './lock-request.ts'
import type { Screen } from './screen.ts'
import { demand, SERVICE_OPTIONS, serviceOf } from './service.ts'
import { EXIT } from './verb.ts'
import type { Given, Verb } from './verb.ts'

export const statusCommand: Verb = {
  name: 'status',
  usage: 'KEY [options]',
  summary: 'say who has a lock',
  options: [
    { name: 'stale', help: "from the node's own state, which may be old" },
    ...SERVICE_OPTIONS,
  ],
  takesPositionals: true,
  examples: [{ line: 'status backup', what: 'who has it, and for how long' }],
  run: (given, screen) => told(given, screen, () => run(given, screen)),
}

async function run(given: Given, screen: Screen): Promise<number> {
  const query = new URLSearchParams({ key: keyOf(given, 'status') })
  if (given.values['stale'] === true) query.set('consistency', 'stale')
  const path = `/locks/one?${query}`
  const answer = await demand(serviceOf(given), { method: 'GET', path })
  printAnswer(given, screen, answer, ({ lock, ...rest }) => {
    return fieldLines({ ...rest, ...(lock as object | undefined) }, screen)
  })
  return EXIT.ok
}
