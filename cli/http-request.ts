// One HTTP request of the command line. In place of `fetch`, which cannot be told whom to trust.

import { request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'

/** Whom to trust, and who to be, in PEM. */
export interface TlsTexts {
  /** Authorities that are trusted in place of the public ones. */
  readonly ca?: string
  /** What is shown to a node that demands a certificate, and its private key. */
  readonly cert?: string
  readonly key?: string
}

/** What is sent, and how. */
export interface HttpRequest {
  readonly method?: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly tls: TlsTexts
  /** Ends it, with its answer. */
  readonly signal: AbortSignal
}

/** The head of the answer, whose body is to be read. Rejects with why there is none. */
export function requestHttp(url: string, request: HttpRequest): Promise<IncomingMessage> {
  const { method = 'GET', headers, body, tls, signal } = request
  const begin = url.startsWith('https:') ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const asked = begin(url, { method, headers: { ...headers }, signal, ...tls })
    asked.on('response', resolve).on('error', reject)
    asked.end(body)
  })
}

/** All of a body. */
export async function bytesOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks)
}
