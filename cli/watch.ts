// `lockstep watch`: tells what happens to a lock, as it happens.

import { told } from './answer.ts'
import { keyOf } from './lock-request.ts'
import { Outage } from './outage.ts'
import type { Screen } from './screen.ts'
import { requestHttp } from './http-request.ts'
import { answerOf, NODES_OPTION, problemOf, reasonOf } from './service.ts'
import { ServiceError, serviceOf, TLS_OPTIONS, TOKEN_FILE_OPTION } from './service.ts'
import type { Service } from './service.ts'
import { EventReader } from './event-reader.ts'
import type { ServerEvent } from './event-reader.ts'
import { EXIT } from './verb.ts'
import type { Given, Verb } from './verb.ts'

const RETRY_PAUSE_MS = 500

export const watchCommand: Verb = {
  name: 'watch',
  usage: 'KEY [options]',
  summary: 'tell what happens to a lock, as it happens',
  options: [
    NODES_OPTION,
    TOKEN_FILE_OPTION,
    ...TLS_OPTIONS,
    { name: 'json', help: 'one JSON object a line' },
  ],
  takesPositionals: true,
  examples: [{ line: 'watch backup', what: 'until it is interrupted' }],
  run: (given, screen) => told(given, screen, () => run(given, screen)),
}

async function run(given: Given, screen: Screen): Promise<number> {
  const key = keyOf(given, 'watch')
  const service = serviceOf(given)
  const controller = new AbortController()
  process.once('SIGINT', () => controller.abort())
  const outage = new Outage(service.nodes)
  const complain = (said: string | null): void => {
    if (said !== null) screen.complain(`lockstep: ${said}`)
  }
  let lastId: string | null = null
  for (let turn = 0; !controller.signal.aborted; turn++) {
    const node = service.nodes[turn % service.nodes.length] as string
    try {
      await follow(node, service, key, lastId, controller.signal, {
        connected: () => complain(outage.answered(node)),
        happened: (event) => {
          lastId = event.id ?? lastId
          screen.print(given.values['json'] === true ? event.data : lineOf(event))
        },
      })
    } catch (error) {
      if (error instanceof ServiceError && (error.answer?.status ?? 503) < 500) throw error
      if (controller.signal.aborted) break
      complain(outage.failed(node, reasonOf(error), performance.now()))
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS))
  }
  return EXIT.interrupted
}

/** Reads the events of one connection until it ends. */
async function follow(
  node: string,
  { token, tls }: Service,
  key: string,
  lastId: string | null,
  signal: AbortSignal,
  told: {
    readonly connected: () => void
    readonly happened: (event: ServerEvent) => void
  },
): Promise<void> {
  const headers = {
    accept: 'text/event-stream',
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    ...(lastId === null ? {} : { 'last-event-id': lastId }),
  }
  // Some keys would mean something else as a part of a path.
  const path = `/locks/one/events?${new URLSearchParams({ key })}`
  const response = await requestHttp(`${node}${path}`, { headers, tls, signal })
  if (response.statusCode !== 200) {
    const answer = await answerOf(response)
    throw new ServiceError(problemOf(answer), answer)
  }
  told.connected()
  const reader = new EventReader()
  const decoder = new TextDecoder()
  for await (const bytes of response as AsyncIterable<Uint8Array>) {
    for (const event of reader.read(decoder.decode(bytes, { stream: true }))) told.happened(event)
  }
}

function lineOf({ type, data }: ServerEvent): string {
  const fields = JSON.parse(data) as Record<string, unknown>
  const rest = Object.entries(fields).filter(([name]) => name !== 'key' && name !== 'type')
  const said = rest.map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  return [type, ...said].join('  ')
}
