// Certificates for tests, made once and valid for a hundred years: two authorities, and a node's
// certificate from each for localhost. Their keys are public, and protect nothing.

import { readFileSync } from 'node:fs'
import type { TlsFiles } from '../../transports/node/tcp-options.ts'

const read = (name: string): string => {
  return readFileSync(new URL(`certificates/${name}`, import.meta.url), 'utf8')
}

const filesOf = (authority: string): TlsFiles => ({
  cert: read(`${authority}.pem`),
  key: read(`${authority}-key.pem`),
  ca: read(`${authority}-ca.pem`)
})

/** What the nodes of one cluster have. */
export const ownTls: TlsFiles = filesOf('own')

/** What nodes of another authority have. */
export const otherTls: TlsFiles = filesOf('other')
