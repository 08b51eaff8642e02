// `lockstep locks`: which locks there are.

import { columnLines, told } from './answer.ts'
import { valueOf } from './arguments.ts'
import type { Screen } from './screen.ts'
import { demand, SERVICE_OPTIONS, serviceOf } from './service.ts'
import { parseCount } from './values.ts'
import { EXIT, UsageError } from './verb.ts'
import type { Given, Verb } from './verb.ts'

const LIMIT = '100'
const LIMIT_MAX = 1_000_000
const PAGE_MAX = 1_000

type Fields = Readonly<Record<string, unknown>>

export const locksCommand: Verb = {
  name: 'locks',
  usage: '[PREFIX] [options]',
  summary: 'list the locks that are held',
  options: [
    { name: 'limit', value: 'N', help: `so many at most (default: ${LIMIT})` },
    ...SERVICE_OPTIONS,
  ],
  takesPositionals: true,
  examples: [{ line: 'locks user:42:', what: 'those whose keys begin so' }],
  run: (given, screen) => told(given, screen, () => run(given, screen)),
}

async function run(given: Given, screen: Screen): Promise<number> {
  const [prefix = '', extra] = given.positionals
  if (extra !== undefined) throw new UsageError(`'${extra}' is not understood: one prefix`)
  const limit = parseCount('limit', valueOf(given, 'limit') ?? LIMIT, 1, LIMIT_MAX)
  const service = serviceOf(given)
  const locks: Fields[] = []
  let cursor: string | null = null
  do {
    const page = Math.min(PAGE_MAX, limit - locks.length)
    const query = new URLSearchParams({ prefix, limit: `${page}` })
    if (cursor !== null) query.set('cursor', cursor)
    const { body } = await demand(service, { method: 'GET', path: `/locks?${query}` })
    locks.push(...(body['locks'] as Fields[]))
    cursor = (body['next'] as string | null | undefined) ?? null
  } while (cursor !== null && locks.length < limit)
  if (given.values['json'] === true) screen.print(JSON.stringify({ locks, next: cursor }))
  else if (locks.length === 0) screen.print('no locks')
  else {
    const names = ['key', 'owner', 'mode', 'fencing_token', 'holders', 'waiters']
    screen.print(columnLines(names, locks, screen))
    if (cursor !== null) screen.print('... and more: --limit')
  }
  return EXIT.ok
}
