// Who may do what: bearer tokens with verbs and key prefixes. Tokens are compared by their hashes,
// in constant time; the tokens themselves are not kept.

import { createHash, timingSafeEqual } from 'node:crypto'
import { Problem } from './problem.ts'

/** What a token may be allowed to do. */
export type Verb = 'acquire' | 'release' | 'renew' | 'read' | 'admin'

const VERBS: readonly Verb[] = ['acquire', 'release', 'renew', 'read', 'admin']

/** One token, as a configuration names it: itself, or its SHA-256 in hexadecimal. */
export interface TokenRule {
  readonly token?: string
  readonly sha256?: string
  /** All but `admin` when left out. */
  readonly verbs?: readonly Verb[]
  /** What keys have to begin with, one of these; all keys when left out. */
  readonly prefixes?: readonly string[]
}

/** What the bearer of a token may do. */
export interface Access {
  /** Whether it may do this at all, to some keys. */
  mayEver(verb: Verb): boolean
  /** Whether it may do this to the key, or to all keys that begin so. */
  may(verb: Verb, key: string): boolean
}

/** Everything is allowed to everyone: no token is configured. */
export const OPEN: Access = { mayEver: () => true, may: () => true }

/** Finds out who asks. */
export interface Authoriser {
  /** False: no token is configured, and everybody may do everything. */
  readonly isOn: boolean
  /**
   * What the sender of this `Authorization` header may do.
   *
   * @throws Problem `unauthorized`.
   */
  identify(header: string | undefined): Access
}

interface KnownToken {
  readonly hash: Uint8Array
  readonly access: Access
}

/**
 * Rules of tokens read from JSON: an array of `TokenRule`.
 *
 * @throws Error that says which rule is wrong, and how.
 */
export function parseTokenRules(value: unknown): readonly TokenRule[] {
  if (!Array.isArray(value)) throw new Error('tokens must be an array of rules')
  return value.map((rule: unknown, index) => {
    const problem = ruleProblem(rule)
    if (problem !== null) throw new Error(`token ${index + 1}: ${problem}`)
    return rule as TokenRule
  })
}

function ruleProblem(rule: unknown): string | null {
  if (typeof rule !== 'object' || rule === null) return 'it must be an object'
  for (const name of Object.keys(rule)) {
    if (['token', 'sha256', 'verbs', 'prefixes'].includes(name)) continue
    return `${JSON.stringify(name)} is no field of it: these are token, sha256, verbs, prefixes`
  }
  const { token, sha256, verbs, prefixes } = rule as Readonly<Record<string, unknown>>
  if ((token === undefined) === (sha256 === undefined)) return 'it needs either token or sha256'
  if (token !== undefined && (typeof token !== 'string' || token.length < 8)) {
    return 'token must be a text of 8 characters or more'
  }
  if (sha256 !== undefined && !(typeof sha256 === 'string' && /^[0-9a-f]{64}$/i.test(sha256))) {
    return 'sha256 must be 64 hexadecimal digits'
  }
  if (verbs !== undefined && !isListOf(verbs, (verb) => (VERBS as string[]).includes(verb))) {
    return `verbs must be a list of ${VERBS.join(', ')}`
  }
  return prefixes === undefined || isListOf(prefixes, () => true)
    ? null
    : 'prefixes must be a list of texts'
}

function isListOf(value: unknown, isGood: (text: string) => boolean): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string' && isGood(one))
}

/** An authoriser of these tokens; of none: everybody may do everything. */
export function authoriser(rules: readonly TokenRule[]): Authoriser {
  const known = rules.map(knownToken)
  if (known.length === 0) return { isOn: false, identify: () => OPEN }
  return { isOn: true, identify: (header) => identify(known, header) }
}

function knownToken({ token, sha256, verbs, prefixes }: TokenRule): KnownToken {
  const hash = token === undefined ? Buffer.from(sha256 ?? '', 'hex') : sha256Of(token)
  const allowed = new Set<Verb>(verbs ?? ['acquire', 'release', 'renew', 'read'])
  const mayEver = (verb: Verb): boolean => allowed.has(verb)
  const may = (verb: Verb, key: string): boolean =>
    allowed.has(verb) && (prefixes === undefined || prefixes.some((one) => key.startsWith(one)))
  return { hash, access: { mayEver, may } }
}

function sha256Of(text: string): Uint8Array {
  return createHash('sha256').update(text).digest()
}

function identify(known: readonly KnownToken[], header: string | undefined): Access {
  if (header === undefined) {
    throw new Problem('unauthorized', 'send a token: Authorization: Bearer TOKEN')
  }
  const token = /^Bearer +(\S+) *$/i.exec(header)?.[1]
  if (token === undefined) {
    throw new Problem('unauthorized', 'the Authorization header must be: Bearer TOKEN')
  }
  const hash = sha256Of(token)
  let access: Access | null = null
  // All are looked at, so that the time tells nothing of which it is.
  for (const one of known) if (timingSafeEqual(one.hash, hash)) access = one.access
  if (access === null) throw new Problem('unauthorized', 'the token is not known here')
  return access
}

/**
 * Sees to it that this is allowed.
 *
 * @throws Problem `forbidden`.
 */
export function demand(access: Access, verb: Verb, key: string | null): void {
  if (key === null ? access.mayEver(verb) : access.may(verb, key)) return
  const whatFor = key === null || !access.mayEver(verb) ? '' : ` for ${JSON.stringify(key)}`
  throw new Problem('forbidden', `the token does not allow ${verb}${whatFor}`)
}
