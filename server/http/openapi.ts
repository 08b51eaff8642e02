// The description of the API as OpenAPI 3.1, put together from the schemas that the routes check
// with.

import type { RouteDoc } from './context.ts'
import { PROBLEMS } from './problem.ts'
import { PROBLEM } from './answer-schemas.ts'
import type { Schema } from './schemas.ts'

/** What a connection is answered before its request is known: any route may be meant. */
const OF_CONNECTIONS = {
  RequestTimeout: problemResponse(`request_timeout: ${PROBLEMS.request_timeout.title}`),
  HeadTooLarge: problemResponse('bad_request: The head of the request is too large'),
}

/** The document for these routes, which are served under `prefix`. */
export function openApi(docs: readonly RouteDoc[], version: string, prefix: string): Schema {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const doc of docs) {
    const path = (paths[doc.path] ??= {})
    path[doc.method.toLowerCase()] = operation(doc)
  }
  return {
    openapi: '3.1.0',
    info: { title: 'lockstep', version, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: prefix === '' ? '/' : prefix }],
    paths,
    components: {
      schemas: { Problem: PROBLEM },
      responses: OF_CONNECTIONS,
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
    },
  }
}

function operation(doc: RouteDoc): Schema {
  const { method, path, summary, verb, body } = doc
  const words = `${method.toLowerCase()}/${path}`.match(/\w+/g) ?? []
  return {
    operationId: words.map((word, at) => (at === 0 ? word : capital(word))).join(''),
    summary,
    security: verb === null ? [] : [{ bearer: [] }, {}],
    parameters: [...parameters(doc.params, 'path'), ...parameters(doc.query, 'query')],
    ...(body === undefined ? {} : { requestBody: requestBody(body) }),
    responses: responses(doc),
  }
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1)
}

function requestBody(schema: Schema): Schema {
  const required = schema['type'] === 'object'
  return { required, content: { 'application/json': { schema } } }
}

function parameters(schema: Schema | undefined, where: 'path' | 'query'): readonly Schema[] {
  if (schema === undefined) return []
  const required = schema['required'] as readonly string[]
  return Object.entries(schema['properties'] as Readonly<Record<string, Schema>>).map(
    ([name, property]) => {
      const { description, ...rest } = property
      return { name, in: where, required: required.includes(name), description, schema: rest }
    },
  )
}

function responses({ successes, problems }: RouteDoc): Schema {
  const all: Record<string, unknown> = {}
  for (const [status, { says, schema, contentType }] of Object.entries(successes)) {
    const type = contentType ?? 'application/json'
    const content = { [type]: { schema: schema ?? { type: 'string' } } }
    all[status] = { description: says, content }
  }
  const byStatus = new Map<number, string[]>()
  for (const code of problems) {
    const { status } = PROBLEMS[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  for (const [status, codes] of byStatus) {
    const titles = codes.map((code) => `${code}: ${PROBLEMS[code as keyof typeof PROBLEMS].title}`)
    all[status] = problemResponse(titles.join('. '))
  }
  all[408] = { $ref: '#/components/responses/RequestTimeout' }
  all[431] = { $ref: '#/components/responses/HeadTooLarge' }
  return all
}

function problemResponse(description: string): Schema {
  const schema = { $ref: '#/components/schemas/Problem' }
  return { description, content: { 'application/problem+json': { schema } } }
}
