// Asks a running cluster over HTTP for the verbs of the command line: which nodes, with which
// token, whom next when one is down, and how an answer becomes an exit code.

import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { tlsProblem } from '../server/tls-problem.ts'
import { valueOf } from './arguments.ts'
import { bytesOf, requestHttp } from './http-request.ts'
import type { TlsTexts } from './http-request.ts'
import { parseDurationMs } from './values.ts'
import { EXIT, UsageError } from './verb.ts'
import type { Given, OptionSpec } from './verb.ts'

/** Where the cluster is. */
export const NODES_OPTION: OptionSpec = {
  name: 'nodes',
  value: 'LIST',
  help: 'HTTP addresses, host:port or URL, with commas (LOCKSTEP_NODES, or localhost:8001)',
}

/** Who asks. */
export const TOKEN_FILE_OPTION: OptionSpec = {
  name: 'token-file',
  value: 'FILE',
  help: 'holds the bearer token (LOCKSTEP_TOKEN_FILE, or none)',
}

/** Whom to trust, and who to be. */
export const TLS_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'ca-file',
    value: 'FILE',
    help: 'who signs the certificates of the nodes, PEM (LOCKSTEP_CA_FILE, or whom Node trusts)',
  },
  {
    name: 'cert-file',
    value: 'FILE',
    help: 'certificate to show to nodes that demand one, PEM (LOCKSTEP_CERT_FILE, or none)',
  },
  { name: 'key-file', value: 'FILE', help: 'its private key, PEM (LOCKSTEP_KEY_FILE)' },
]

/** The options of every verb that asks a cluster over HTTP. */
export const SERVICE_OPTIONS: readonly OptionSpec[] = [
  NODES_OPTION,
  TOKEN_FILE_OPTION,
  ...TLS_OPTIONS,
  { name: 'timeout', value: 'TIME', help: 'give up asking after this (default: 10s)' },
  { name: 'json', help: "print the service's answer, one JSON object" },
]

/** Where a cluster is, and how to ask it. */
export interface Service {
  /** Base URLs. */
  readonly nodes: readonly string[]
  readonly token: string | null
  readonly tls: TlsTexts
  readonly timeoutMs: number
}

/** An answer of the service. */
export interface ServiceAnswer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** No answer, or one that says that it cannot be done: said in one line, with exit code 1. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError'
  /** The answer's, or null when there was none. */
  readonly answer: ServiceAnswer | null

  constructor(message: string, answer: ServiceAnswer | null) {
    super(message)
    this.answer = answer
  }
}

/** Which service is meant. Throws a `UsageError` for what makes no sense. */
export function serviceOf(given: Given): Service {
  return {
    nodes: nodesOf(given),
    token: tokenOf(given),
    tls: tlsOf(given),
    timeoutMs: parseDurationMs('timeout', valueOf(given, 'timeout') ?? '10s'),
  }
}

/** The nodes that are meant, as base URLs. */
export function nodesOf(given: Given): readonly string[] {
  const list = valueOf(given, 'nodes') ?? (process.env['LOCKSTEP_NODES'] || 'localhost:8001')
  return list.split(',').map((one) => baseUrl(one.trim()))
}

function baseUrl(node: string): string {
  const text = /^https?:\/\//.test(node) ? node : `http://${node}`
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && url.pathname === '/' && url.search === '') return url.origin
  throw new UsageError(`--nodes wants host:port or https://host:port, not '${node}'`)
}

/** The bearer token that is meant, or null. */
export function tokenOf(given: Given): string | null {
  return fileOf(given, 'token-file', 'LOCKSTEP_TOKEN_FILE')?.text.trim() ?? null
}

/** The authorities, and the certificate with its key, that are meant. */
export function tlsOf(given: Given): TlsTexts {
  const ca = pemOf(given, 'ca-file', 'LOCKSTEP_CA_FILE', 'certificate')
  const cert = pemOf(given, 'cert-file', 'LOCKSTEP_CERT_FILE', 'certificate')
  const key = pemOf(given, 'key-file', 'LOCKSTEP_KEY_FILE', 'private key')
  if (cert !== null && key === null) throw new UsageError('--cert-file wants --key-file too')
  if (key !== null && cert === null) throw new UsageError('--key-file wants --cert-file too')
  const trust = ca === null ? {} : { ca }
  const texts = cert === null || key === null ? trust : { ...trust, cert, key }
  const problem = tlsProblem(texts)
  if (problem === null) return texts
  throw new UsageError(`--ca-file, --cert-file and --key-file cannot be used: ${problem}`)
}

function pemOf(
  given: Given,
  option: string,
  variable: string,
  what: 'certificate' | 'private key',
): string | null {
  const found = fileOf(given, option, variable)
  if (found === null) return null
  // Of keys there are several kinds: EC PRIVATE KEY is one.
  if (new RegExp(`-----BEGIN [A-Z ]*${what.toUpperCase()}-----`).test(found.text)) return found.text
  throw new UsageError(`--${option} ${found.path}: there is no ${what} in it, in PEM`)
}

/** The file that an option names, or else a variable. */
function fileOf(
  given: Given,
  option: string,
  variable: string,
): { readonly path: string; readonly text: string } | null {
  const path = valueOf(given, option) ?? (process.env[variable] || undefined)
  if (path === undefined) return null
  try {
    return { path, text: readFileSync(path, 'utf8') }
  } catch (error) {
    throw new UsageError(`--${option} ${path}: ${(error as Error).message}`)
  }
}

/** What is asked. */
export interface ServiceRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** With its query. */
  readonly path: string
  readonly body?: Readonly<Record<string, unknown>>
  /** How long an answer may rightly take beside the timeout, milliseconds. */
  readonly waitMs?: number
}

/** Pause before the nodes are asked once more, milliseconds. */
const ROUND_PAUSE_MS = 100

/**
 * Asks one node after the other until one answers for good. Whatever has an effect carries a
 * request id, and so may be asked twice. Answers of 503 (it has not happened) and 504 (nobody
 * knows) are asked again until the timeout. What only the leader does is asked of whoever they say
 * leads, when none of the named does.
 */
export async function ask(service: Service, request: ServiceRequest): Promise<ServiceAnswer> {
  const endMs = performance.now() + service.timeoutMs + (request.waitMs ?? 0)
  const leftMs = (): number => Math.max(1, endMs - performance.now())
  let last: ServiceAnswer | string = 'no node was asked'
  let leader: Leader | null = null
  for (let round = 0; round === 0 || performance.now() < endMs; round++) {
    if (round > 0) await pause()
    let named: Leader | null = null
    for (const node of service.nodes) {
      const said = await askNode(node, service, request, leftMs())
      if (typeof said !== 'string' && isFinal(said)) return said
      // What the timeout has cut short says less than the answer before it.
      if (round === 0 || typeof said !== 'string' || performance.now() < endMs) last = said
      const found = leaderIn(node, said)
      if (named === null || found?.url != null) named = found ?? named
      if (performance.now() >= endMs) break
    }
    // A round that the timeout has cut short does not tell that nobody leads.
    if (named !== null || performance.now() < endMs) leader = named
    if (named === null || named.url === null || performance.now() >= endMs) continue
    last = await askNode(named.url, service, request, leftMs())
    if (typeof last === 'string') continue
    if (isFinal(last)) return last
    leader = null
  }
  if (leader !== null) throw new ServiceError(leader.unreachable, null)
  if (typeof last === 'string') throw new ServiceError(last, null)
  throw new ServiceError(problemOf(last), last)
}

/** Who leads, as another node says. */
interface Leader {
  /** Null: not known, or not to be trusted with a token. */
  readonly url: string | null
  /** What is said where it cannot be asked. */
  readonly unreachable: string
}

function leaderIn(node: string, answer: ServiceAnswer | string): Leader | null {
  if (typeof answer === 'string' || answer.body['code'] !== 'not_leader') return null
  const { leader_id: id, leader_url: said } = answer.body
  const advice = 'name it in --nodes, or start it with --advertise-url'
  if (typeof said !== 'string' || !/^https?:/.test(said)) {
    const why = 'and no node that was asked knows its address'
    return { url: null, unreachable: `only the leader can do this: ${id} leads, ${why}; ${advice}` }
  }
  if (/^https:/.test(node) && !/^https:/.test(said)) {
    const why = `and would be asked in the clear, at ${said}`
    return { url: null, unreachable: `only the leader can do this: ${id} leads, ${why}; ${advice}` }
  }
  const why = `and cannot be reached at ${said}`
  return { url: said, unreachable: `only the leader can do this: ${id} leads, ${why}; ${advice}` }
}

function isFinal({ status, body }: ServiceAnswer): boolean {
  return status !== 503 && status !== 504 && body['code'] !== 'not_leader'
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ROUND_PAUSE_MS))
}

/** The longest that a timer can be set for. */
const TIMER_MS_MAX = 0x7fffffff

function within(ms: number): AbortSignal {
  return AbortSignal.timeout(Math.min(Math.ceil(ms), TIMER_MS_MAX))
}

/** The answer of one node, or why there is none. */
async function askNode(
  node: string,
  { token, tls }: Service,
  { method, path, body }: ServiceRequest,
  timeoutMs: number,
): Promise<ServiceAnswer | string> {
  const headers = {
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  }
  try {
    const response = await requestHttp(`${node}${path}`, {
      method,
      headers,
      tls,
      signal: within(timeoutMs),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return await answerOf(response)
  } catch (error) {
    return `${node} does not answer: ${reasonOf(error)}`
  }
}

/** The bytes that the first node which answers has at `path`. Throws a `ServiceError`. */
export async function download(service: Service, path: string): Promise<Uint8Array> {
  const { nodes, token, tls, timeoutMs } = service
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  let problem = 'no node was asked'
  for (const node of nodes) {
    try {
      const signal = within(timeoutMs)
      const response = await requestHttp(`${node}${path}`, { headers, tls, signal })
      if (response.statusCode === 200) return await bytesOf(response)
      const answer = await answerOf(response)
      if (isFinal(answer)) throw new ServiceError(problemOf(answer), answer)
      problem = problemOf(answer)
    } catch (error) {
      if (error instanceof ServiceError) throw error
      problem = `${node} does not answer: ${reasonOf(error)}`
    }
  }
  throw new ServiceError(problem, null)
}

/** The answer whose body is JSON. */
export async function answerOf(response: IncomingMessage): Promise<ServiceAnswer> {
  const body = JSON.parse((await bytesOf(response)).toString()) as ServiceAnswer['body']
  return { status: response.statusCode ?? 0, body }
}

/** Why a request failed. */
export function reasonOf(error: unknown): string {
  const { cause, message, code } = error as NodeJS.ErrnoException
  // Of one that was ended, the cause says why.
  if (cause instanceof Error) return cause.message
  // Of a name with several addresses there are several errors, and no message.
  return message || code || 'for no reason that is known'
}

/** Asks, and throws a `ServiceError` for any answer that is no success. */
export async function demand(service: Service, request: ServiceRequest): Promise<ServiceAnswer> {
  const answer = await ask(service, request)
  if (answer.status < 300) return answer
  throw new ServiceError(problemOf(answer), answer)
}

/** The sentence of an answer that says no. */
export function problemOf({ status, body }: ServiceAnswer): string {
  const { detail, title, code } = body
  const said = detail ?? title ?? `the service answered ${status}`
  return code === undefined ? `${said}` : `${said} (${code})`
}

/** The exit code of an answer that says no: 2 for what makes no sense, else 1. */
export function exitOf({ answer }: ServiceError): number {
  const status = answer?.status ?? 0
  return status === 400 || status === 413 || status === 422 ? EXIT.usage : EXIT.violation
}
