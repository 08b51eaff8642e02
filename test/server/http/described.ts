// Whether /openapi.json describes a failure that was answered: its status and code at the route,
// and every field of it.

import { Ajv2020 } from 'ajv/dist/2020.js'
import * as assert from 'uvu/assert'

type Json = Readonly<Record<string, unknown>>

interface Response {
  readonly description: string
  readonly content: Json
}

/** As much of the document as this reads. */
export interface ApiDocument {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<Record<string, { readonly responses: Readonly<Record<string, Json>> }>>
    >
  >
  readonly components: {
    readonly schemas: { readonly Problem: Json }
    readonly responses: Readonly<Record<string, Json>>
  }
}

/** Asserts it of the problem document `body`, which `method path` answered with `status`. */
export function isProblemDescribed(
  { paths, components }: ApiDocument,
  method: string,
  path: string,
  { status, body }: { readonly status: number; readonly body: Json },
): void {
  const where = `${method} ${path} ${status}: ${JSON.stringify(body)}`
  const found = paths[path]?.[method]?.responses[String(status)]
  assert.ok(found !== undefined, `not described: ${where}`)
  const [, shared] = /^#\/components\/responses\/(\w+)$/.exec(String(found['$ref'])) ?? []
  const { description, content } = (
    shared === undefined ? found : components.responses[shared]
  ) as unknown as Response
  assert.equal(Object.keys(content), ['application/problem+json'], where)
  assert.match(description, new RegExp(`\\b${String(body['code'])}: `), where)
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  const isGood = ajv.validate(components.schemas.Problem, body)
  assert.ok(isGood, `${where} ${JSON.stringify(ajv.errors)}`)
}
