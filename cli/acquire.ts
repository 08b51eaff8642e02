// `lockstep acquire`: takes a lock and leaves it taken, for scripts that give it back themselves.

import { fieldLines, printAnswer, told } from './answer.ts'
import { valueOf } from './arguments.ts'
import { drawName, keyOf, TTL_OPTION, termsOf } from './lock-request.ts'
import type { Screen } from './screen.ts'
import { ask, problemOf, SERVICE_OPTIONS, ServiceError, serviceOf } from './service.ts'
import { parseDurationMs } from './values.ts'
import { EXIT } from './verb.ts'
import type { Given, Verb } from './verb.ts'

export const acquireCommand: Verb = {
  name: 'acquire',
  usage: 'KEY [options]',
  summary: 'take a lock and leave it taken',
  options: [
    { name: 'owner', value: 'NAME', help: 'who takes it (default: a name that nobody else has)' },
    TTL_OPTION,
    { name: 'wait', value: 'TIME', help: 'how long to wait for it (default: only try)' },
    { name: 'shared', help: 'together with others that take it so' },
    { name: 'reentrant', help: 'one more time, if this owner has it already' },
    ...SERVICE_OPTIONS,
  ],
  takesPositionals: true,
  examples: [
    { line: 'acquire backup --owner host-7 --ttl 5m', what: 'exit code 1 when another has it' },
    { line: 'acquire backup --wait 1m --json', what: 'waits in the queue, prints JSON' },
  ],
  run: (given, screen) => told(given, screen, () => run(given, screen)),
}

async function run(given: Given, screen: Screen): Promise<number> {
  const key = keyOf(given, 'acquire')
  const wait = valueOf(given, 'wait')
  const waitMs = wait === undefined ? 0 : parseDurationMs('wait', wait)
  const body = {
    key,
    owner: valueOf(given, 'owner') ?? drawName(),
    request_id: drawName(),
    ...termsOf(given),
    ...(wait === undefined ? {} : { wait }),
    ...(given.values['shared'] === true ? { mode: 'shared' } : {}),
    reentrant: given.values['reentrant'] === true,
  }
  const service = serviceOf(given)
  for (;;) {
    // A long wait is asked for again and again, and keeps its place by its request id.
    const answer = await ask(service, { method: 'POST', path: '/locks/acquire', body, waitMs })
    if (answer.status === 202) continue
    if (answer.status >= 300) throw new ServiceError(problemOf(answer), answer)
    printAnswer(given, screen, answer, ({ lock }) => fieldLines(lock as Fields, screen))
    return EXIT.ok
  }
}

type Fields = Readonly<Record<string, unknown>>
