// Checks requests against the schemas, and says what is wrong with each field in a sentence.

import { Ajv } from 'ajv'
import type { ErrorObject } from 'ajv'
import { Problem } from './problem.ts'
import type { FieldProblem } from './problem.ts'
import type { Schema, TextFormats } from './schemas.ts'

/** What is wrong with a value, field by field; null: nothing is. */
export type Check = (value: unknown) => readonly FieldProblem[] | null

/** Where in a request a value comes from. */
export type RequestPart = 'body' | 'query' | 'path'

/** Makes checks of schemas. */
export function validation(formats: TextFormats): (schema: Schema, part: RequestPart) => Check {
  const exact = ajv(formats, false)
  // All that comes in an address is text: numbers are read from it.
  const fromText = ajv(formats, true)
  return (schema, part) => {
    const validate = (part === 'body' ? exact : fromText).compile(schema)
    const fields = Object.keys((schema['properties'] ?? {}) as object)
    return (value) => {
      if (validate(value)) return null
      return (validate.errors ?? []).map((error) => fieldProblem(error, part, fields, formats))
    }
  }
}

function ajv(formats: TextFormats, coerceTypes: boolean): Ajv {
  const strict = { strict: true, allowUnionTypes: true }
  const checker = new Ajv({ allErrors: true, verbose: true, coerceTypes, ...strict })
  for (const [name, { isGood }] of Object.entries(formats)) checker.addFormat(name, isGood)
  return checker
}

/** The problem of a request with bad fields. */
export function badFields(errors: readonly FieldProblem[]): Problem {
  const detail = errors.map((error) => error.detail).join('; ')
  return new Problem('bad_request', detail, { errors })
}

const SHOWN_MAX = 60

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}…`
}

function fieldProblem(
  { keyword, instancePath, params, data }: ErrorObject,
  part: RequestPart,
  fields: readonly string[],
  formats: TextFormats,
): FieldProblem {
  const details = params as Readonly<Record<string, unknown>>
  if (keyword === 'additionalProperties') {
    const field = String(details['additionalProperty'])
    const known = fields.length === 0 ? 'it takes none' : `it takes ${fields.join(', ')}`
    return { field, detail: `${shown(field)} is no field of this ${part}: ${known}` }
  }
  if (keyword === 'required') {
    const field = String(details['missingProperty'])
    return { field, detail: `${field} is missing` }
  }
  const field = instancePath.slice(1)
  if (field === '') return { field, detail: `the ${part} must be a JSON object` }
  const must = mustBe(keyword, details, formats)
  return { field, detail: `${field} must be ${must}, not ${shown(data)}` }
}

function mustBe(
  keyword: string,
  details: Readonly<Record<string, unknown>>,
  formats: TextFormats,
): string {
  switch (keyword) {
    case 'type':
      return words(String(details['type']))
    case 'enum':
      return (details['allowedValues'] as unknown[]).map((one) => JSON.stringify(one)).join(' or ')
    case 'format':
      return formats[String(details['format'])]?.says ?? 'of another form'
    case 'minimum':
      return `${String(details['limit'])} or more`
    case 'maximum':
      return `${String(details['limit'])} or less`
    case 'minLength':
      return 'longer'
    case 'maxLength':
      return `of ${String(details['limit'])} characters or fewer`
    default:
      return 'of another form'
  }
}

function words(type: string): string {
  switch (type) {
    case 'string':
      return 'a text'
    case 'integer':
      return 'a whole number'
    case 'boolean':
      return 'true or false'
    default:
      return `of type ${type}`
  }
}
