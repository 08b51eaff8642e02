// What there is to say about TLS, in terms that need no types of a host.

/** Text in PEM, or bytes. */
export type Pem = string | Uint8Array

/** How a server is trusted, and how this client shows who it is. */
export interface TlsOptions {
  /** Authorities that are trusted in place of the public ones. */
  readonly ca?: Pem | readonly Pem[]
  /** This client's certificate, where the server asks for one, and its key. */
  readonly cert?: Pem
  readonly key?: Pem
  readonly passphrase?: string
  /** The name in the server's certificate, where it is not the host that is dialled. */
  readonly servername?: string
}
