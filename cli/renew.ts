// `lockstep renew`: makes the lease of a lock last anew from now.

import { fieldLines, printAnswer, told } from './answer.ts'
import { drawName, FENCING_TOKEN_OPTION, keyOf, OWNER_OPTION } from './lock-request.ts'
import { ownerOf, termsOf, TTL_OPTION } from './lock-request.ts'
import type { Screen } from './screen.ts'
import { demand, SERVICE_OPTIONS, serviceOf } from './service.ts'
import { EXIT } from './verb.ts'
import type { Given, Verb } from './verb.ts'

export const renewCommand: Verb = {
  name: 'renew',
  usage: 'KEY --owner NAME [options]',
  summary: 'make the lease of a lock last anew from now',
  options: [OWNER_OPTION, FENCING_TOKEN_OPTION, TTL_OPTION, ...SERVICE_OPTIONS],
  takesPositionals: true,
  examples: [{ line: 'renew backup --owner host-7', what: 'as long as the last time' }],
  run: (given, screen) => told(given, screen, () => run(given, screen)),
}

async function run(given: Given, screen: Screen): Promise<number> {
  const key = keyOf(given, 'renew')
  const owner = ownerOf(given, 'renew')
  const body = { key, owner, request_id: drawName(), ...termsOf(given) }
  const answer = await demand(serviceOf(given), { method: 'POST', path: '/locks/renew', body })
  printAnswer(given, screen, answer, ({ lock }) => fieldLines(lock as Fields, screen))
  return EXIT.ok
}

type Fields = Readonly<Record<string, unknown>>
