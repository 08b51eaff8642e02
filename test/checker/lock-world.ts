// An honest lock service in miniature, and clients that record what they see: the source of legal
// lock histories, in microseconds. One key, a clock in whole milliseconds whose rate is off by up
// to epsilon, expiry that comes late, waits, re-entry and refresh, releases of one level or all,
// limits, lost requests and answers, retries answered from memory, requests that arrive after their
// client gave up.

import type { LockInput, LockOperation, LockOutput } from '../../checker/lock-history.ts'
import type { Chance } from './chance.ts'

/** Ways in which the service can be made to lie; each must be caught. */
export const lockFaults = [
  'earlyExpiry',
  'sameToken',
  'fallingToken',
  'releaseByAnyone',
  'grantWhileHeld',
  'renewRevives',
  'reentryNewToken',
  'miscounts',
  'staleStatus',
  'falseExpired',
  'staleHeld'
] as const

export type LockFault = (typeof lockFaults)[number]

export interface LockWorld {
  readonly history: LockOperation[]
  readonly epsilonPpm: number
}

export interface LockWorldOptions {
  readonly operationsMax: number
  /** Percent of requests and answers that are lost. */
  readonly lossPercent: number
  readonly ttlMsMin: number
  readonly ttlMsSpan: number
  /** Percent of releases and renews that name no token. */
  readonly untokenedPercent: number
  readonly fault?: LockFault
}

interface Held {
  readonly owner: string
  readonly token: number
  count: number
  deadlineMs: number
}

interface Request {
  readonly input: LockInput
  readonly isRefresh: boolean
  /** A release of all levels. */
  readonly isAll: boolean
  answer(at: number, output: LockOutput): void
}

interface Server {
  handle(at: number, request: Request): void
  isHeldWith(token: number): boolean
}

interface Agenda {
  add(at: number, run: (at: number) => void): void
  runAll(): void
}

const LEVELS_MAX = 3
const kinds = ['acquire', 'acquire', 'release', 'release', 'renew', 'renew', 'status'] as const

export function runLockWorld(chance: Chance, options: LockWorldOptions): LockWorld {
  const agenda = createAgenda()
  const epsilonPpm = chance.pick([0, 500, 50_000])
  const ratePpm = 1_000_000 + epsilonPpm * (chance.below(3) - 1)
  const server = createServer(agenda, chance, ratePpm, options.fault)
  const history: LockOperation[] = []
  const tokens = new Map<string, number>()
  const shared = chance.percent(25)
  let processes = 0
  let asked = 0

  const startProcess = (owner: string, from: number): void => {
    const process = processes++
    agenda.add(from + chance.below(8) * 700, at => ask(process, owner, at))
  }

  const ask = (process: number, owner: string, call: number): void => {
    if (asked >= options.operationsMax) return
    asked += 1
    const input = chooseInput(chance, options, owner, tokens.get(owner) ?? null)
    let isOpen = true
    const finish = (at: number, output: LockOutput | null): void => {
      if (!isOpen) return
      isOpen = false
      if (output === null) {
        const answered = chance.percent(50) ? Infinity : at
        history.push({ process, input, call, return: answered, outcome: 'info' })
        startProcess(owner, at)
        return
      }
      if (output.type === 'granted') tokens.set(owner, output.token)
      history.push({ process, input, call, return: at, outcome: 'ok', output })
      agenda.add(at + chance.below(10) * 800, next => ask(process, owner, next))
    }
    const request: Request = {
      input,
      isRefresh: chance.percent(30),
      isAll: chance.percent(20),
      answer: (at, output) => {
        if (!chance.percent(options.lossPercent)) {
          agenda.add(at + chance.below(5) * 300, back => finish(back, output))
        } else if (chance.percent(60)) {
          agenda.add(at + 1 + chance.below(25) * 900, again => {
            const isOver = output.type === 'granted' && !server.isHeldWith(output.token)
            finish(again, isOver ? { type: 'expired', token: 0 } : output)
          })
        }
      }
    }
    const isLost = chance.percent(options.lossPercent)
    const delay = isLost ? chance.below(40) * 900 : chance.below(5) * 300
    if (!isLost || chance.percent(70)) agenda.add(call + delay, at => server.handle(at, request))
    agenda.add(call + 24_000 + chance.below(10) * 1000, at => finish(at, null))
  }

  const count = 2 + chance.below(3)
  for (let at = 0; at < count; at++) startProcess(`c${shared ? at % 2 : at}`, 0)
  agenda.runAll()
  return { history, epsilonPpm }
}

function chooseInput(
  chance: Chance,
  options: LockWorldOptions,
  owner: string,
  known: number | null
): LockInput {
  const key = 'L'
  const type = known === null && chance.percent(80) ? 'acquire' : chance.pick(kinds)
  const ttlMs = options.ttlMsMin + chance.below(options.ttlMsSpan)
  const token = chance.percent(options.untokenedPercent) ? null : known
  switch (type) {
    case 'acquire':
      return { type, key, owner, ttlMs, waitMs: chance.pick([0, 0, 5, 15]) }
    case 'release':
      return { type, key, owner, token }
    case 'renew':
      return { type, key, owner, token, ttlMs }
    case 'status':
      return { type, key }
  }
}

function createServer(
  agenda: Agenda,
  chance: Chance,
  ratePpm: number,
  fault: LockFault | undefined
): Server {
  let held: Held | null = null
  let last: Held | null = null
  let index = 0
  let waiters: { request: Request; untilMs: number }[] = []
  const clock = (at: number): number => Math.floor((at * ratePpm) / 1_000_000_000)
  const instantOf = (ms: number): number => Math.ceil((ms * 1_000_000_000) / ratePpm)
  const holder = (): Held | null => held

  const setDeadline = (deadlineMs: number): void => {
    if (held === null) return
    if (fault === 'earlyExpiry') deadlineMs -= 4
    held.deadlineMs = deadlineMs
    const late = chance.percent(50) ? 0 : chance.below(6) * 900
    agenda.add(instantOf(deadlineMs) + late, at => {
      if (held !== null && held.deadlineMs <= clock(at)) free(at)
    })
  }
  const nextToken = (): number => {
    if (fault === 'sameToken') return last?.token ?? index
    return fault === 'fallingToken' ? 1000 - index : index
  }
  const grant = (at: number, { input, answer }: Request): void => {
    if (input.type !== 'acquire') return
    const token = nextToken()
    held = { owner: input.owner, token, count: 1, deadlineMs: 0 }
    setDeadline(clock(at) + input.ttlMs)
    answer(at, { type: 'granted', token, count: 1 })
  }
  const free = (at: number): void => {
    last = held
    held = null
    index += 1
    const next = waiters.shift()
    if (next !== undefined) grant(at, next.request)
  }
  const acquire = (at: number, request: Request, input: LockInput & { type: 'acquire' }): void => {
    if (held === null) {
      const isStale = fault === 'staleHeld' && last !== null && last.owner !== input.owner
      if (isStale) return request.answer(at, { type: 'held', token: last?.token ?? 0 })
      return grant(at, request)
    }
    if (held.owner !== input.owner && fault === 'grantWhileHeld') return grant(at, request)
    if (held.owner === input.owner) {
      const isFull = held.count >= LEVELS_MAX && !request.isRefresh
      if (isFull) return request.answer(at, { type: 'rejected', reason: 'countTooHigh' })
      if (fault === 'reentryNewToken') held = { ...held, token: index }
      if (!request.isRefresh) held.count += fault === 'miscounts' ? 2 : 1
      setDeadline(Math.max(held.deadlineMs, clock(at) + input.ttlMs))
      return request.answer(at, { type: 'granted', token: held.token, count: held.count })
    }
    if (input.waitMs === 0) return request.answer(at, { type: 'held', token: held.token })
    const waiter = { request, untilMs: clock(at) + input.waitMs }
    waiters.push(waiter)
    agenda.add(instantOf(waiter.untilMs), later => {
      if (!waiters.includes(waiter)) return
      waiters = waiters.filter(other => other !== waiter)
      request.answer(later, { type: 'timeout' })
    })
  }

  const handle = (at: number, request: Request): void => {
    const { input, answer } = request
    index += 1
    if (input.type === 'acquire') return acquire(at, request, input)
    const now = holder()
    if (input.type === 'status') {
      const shown = fault === 'staleStatus' ? last : now
      const { token, owner } = shown ?? { token: 0, owner: '' }
      return answer(at, { type: 'status', locked: shown !== null, token, owner })
    }
    if (input.type === 'renew' && fault === 'renewRevives' && now === null && last !== null) {
      const { token } = last
      return answer(at, { type: 'renewed', token, ttlMs: input.ttlMs })
    }
    const isAnyone = fault === 'releaseByAnyone' && input.type === 'release' && now !== null
    const isOwn = now?.owner === input.owner && (input.token ?? now.token) === now.token
    const isRefused = fault === 'falseExpired' && input.type === 'renew'
    if (now === null || isRefused || !(isOwn || isAnyone)) {
      const token = now?.token ?? 0
      return answer(at, input.type === 'renew' ? { type: 'expired', token } : { type: 'notHolder' })
    }
    if (input.type === 'renew') {
      setDeadline(clock(at) + input.ttlMs)
      return answer(at, { type: 'renewed', token: now.token, ttlMs: input.ttlMs })
    }
    now.count = request.isAll ? 0 : now.count - 1
    answer(at, { type: 'released', count: now.count })
    if (now.count === 0) free(at)
  }
  return { handle, isHeldWith: token => holder()?.token === token }
}

function createAgenda(): Agenda {
  let items: { at: number; order: number; run: (at: number) => void }[] = []
  let order = 0
  return {
    add: (at, run) => {
      items.push({ at, order: order++, run })
    },
    runAll: () => {
      while (items.length > 0) {
        const next = items.reduce((a, b) => {
          return b.at < a.at || (b.at === a.at && b.order < a.order) ? b : a
        })
        items = items.filter(item => item !== next)
        next.run(next.at)
      }
    }
  }
}
