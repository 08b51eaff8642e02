// Tries what TLS is to be spoken with before anybody is asked, so that the files are named and not
// the peer.

import { createSecureContext } from 'node:tls'

/** What keeps a certificate, its key and authorities from being used, in PEM; null: nothing. */
export function tlsProblem(texts: {
  readonly cert?: string
  readonly key?: string
  readonly ca?: string
}): string | null {
  try {
    createSecureContext(texts)
    return null
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH') return 'the certificate is of another key'
    if (!/\bENCRYPTED\b/.test(texts.key ?? '')) return message
    return 'the key is encrypted; write it without a passphrase: openssl pkey -in KEY -out PLAIN'
  }
}
