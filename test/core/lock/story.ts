// Steps, commands and replies in plain words, so that a history that fails reads as a story.

import { unreachable } from '../../../core/invariant.ts'
import type { Acquire, LockCommand, LockQuery } from '../../../core/lock/command.ts'
import type { LockReply } from '../../../core/lock/reply.ts'
import type { SessionCommand, SessionReply } from '../../../core/session/command.ts'
import type { Step } from './arbitrary.ts'

/** What a step is meant to do, before it is known what there is. */
export function tellStep(step: Step): string {
  switch (step.type) {
    case 'ask': {
      const how = step.bound ? '' : ', unbound'
      const own = step.client === null ? '' : ` of ${step.client}${how}`
      const who = step.byHolder ? `${own} (or who holds it)` : own
      const token = { none: '', present: ', by its token', stale: ', by an old token' }[step.token]
      const what = step.command.type === 'acquire' ? '' : token
      return `${tell(step.command, who)}${what}${step.isUnderWay ? ', but it is under way' : ''}`
    }
    case 'pass':
      return `${step.ms} ms pass`
    case 'passToDue': {
      const beside = { '-1': '1 ms before', 0: '', 1: '1 ms after' }[step.besideMs] ?? ''
      return `time goes on to ${beside} the next deadline`.replace('  ', ' ')
    }
    case 'sweep':
      return 'the leader proposes what is due'
    case 'leaderChange':
      return 'a new leader proposes once more what the old one did'
    case 'strayExpire':
      return `an expire of ${step.max} comes that nobody asked for`
    case 'open':
      return `${step.client} opens a session for ${step.ttlMs} ms`
    case 'keepAlive':
      return `${step.client} keeps its session alive`
    case 'close':
      return `${step.client} closes its session`
    case 'repeat':
      return step.back === 1 ? 'the last request comes' : `the request ${step.back} back comes`
    case 'cancel': {
      const what = step.all ? 'all it waits for there' : 'it'
      const which = step.back === 1 ? 'the last acquire' : `the acquire ${step.back} back`
      return `who sent ${which} cancels ${what}${step.way === 'same' ? '' : `, ${step.way}`}`
    }
    case 'query':
      return `somebody asks: ${tellQuery(step.query)}`
    default:
      return unreachable(step)
  }
}

/** A command as it was applied. */
export function tellCommand(command: SessionCommand<LockCommand>): string {
  switch (command.type) {
    case 'call': {
      const { session, sequence, acknowledged, bound } = command
      const call = `${bound ? '' : 'unbound '}call ${sequence}, has ${acknowledged}`
      return `${tell(command.command, ` of ${session}`)} [${call}]`
    }
    case 'plain':
      return tell(command.command, '')
    case 'openSession':
      return `a session opens for ${command.ttlMs} ms`
    case 'keepAlive':
      return `session ${command.session} is kept alive`
    case 'closeSession':
      return `session ${command.session} closes`
    case 'expireSessions':
      return `${command.max} sessions may expire`
    default:
      return unreachable(command)
  }
}

/** A reply in a few words; null: none yet. */
export function tellReply(reply: SessionReply<LockReply> | null): string {
  if (reply === null) return 'waits'
  const { type, ...fields } = reply.type === 'replied' ? reply.reply : reply
  const told = Object.entries(fields).map(([name, value]) => `${name} ${JSON.stringify(value)}`)
  return [type, ...told].join(', ')
}

function tell(command: LockCommand, session: string): string {
  if (command.type === 'expire') return `${command.max} may expire`
  if (!('requestId' in command)) return tellQuery(command)
  const who = `${command.owner}${session}`
  const id = command.requestId === null ? '' : ` (${command.requestId})`
  const token = 'token' in command && command.token !== null ? ` of token ${command.token}` : ''
  switch (command.type) {
    case 'acquire':
      return `${who} acquires ${command.key}${tellTerms(command)}${id}`
    case 'cancel':
      return `${who} cancels ${id === '' ? 'all' : command.requestId} of ${command.key}`
    case 'release':
      return `${who} releases ${command.key}${command.all ? ' wholly' : ''}${token}${id}`
    case 'renew': {
      const ttl = command.ttlMs === null ? '' : ` for ${command.ttlMs} ms`
      return `${who} renews ${command.key}${ttl}${token}${id}`
    }
    case 'forceRelease':
      return `${who} takes ${command.key} from all${command.now ? ' now' : ''}${token}${id}`
    default:
      return unreachable(command)
  }
}

function tellTerms({ mode, ttlMs, waitMs, reentrant, lockDelayMs, metadata }: Acquire): string {
  const told = [mode === 'shared' ? ' shared' : '', ttlMs === null ? '' : ` for ${ttlMs} ms`]
  if (waitMs > 0) told.push(`, waits ${waitMs} ms`)
  if (reentrant) told.push(', counted')
  if (lockDelayMs > 0) told.push(`, delay ${lockDelayMs} ms`)
  if (metadata !== '') told.push(`, saying ${metadata}`)
  return told.join('')
}

function tellQuery(query: LockQuery): string {
  const { type, ...fields } = query
  return `${type} ${JSON.stringify(fields)}`
}
