// `lockstep release`: gives a lock back.

import { printAnswer, told } from './answer.ts'
import { drawName, FENCING_TOKEN_OPTION, keyOf, OWNER_OPTION } from './lock-request.ts'
import { ownerOf, termsOf } from './lock-request.ts'
import type { Screen } from './screen.ts'
import { demand, SERVICE_OPTIONS, serviceOf } from './service.ts'
import { EXIT } from './verb.ts'
import type { Given, Verb } from './verb.ts'

export const releaseCommand: Verb = {
  name: 'release',
  usage: 'KEY --owner NAME [options]',
  summary: 'give a lock back',
  options: [OWNER_OPTION, FENCING_TOKEN_OPTION, ...SERVICE_OPTIONS],
  takesPositionals: true,
  examples: [{ line: 'release backup --owner host-7', what: 'exit code 1 when it is not its' }],
  run: (given, screen) => told(given, screen, () => run(given, screen)),
}

async function run(given: Given, screen: Screen): Promise<number> {
  const key = keyOf(given, 'release')
  const owner = ownerOf(given, 'release')
  const body = { key, owner, request_id: drawName(), ...termsOf(given) }
  const answer = await demand(serviceOf(given), { method: 'POST', path: '/locks/release', body })
  printAnswer(given, screen, answer, ({ count }) => {
    return typeof count === 'number' && count > 0 ? `still held, ${count} times` : 'released'
  })
  return EXIT.ok
}
