// The version of this package, for whoever asks which build it is.

import { createRequire } from 'node:module'

/** As package.json says it: the package finds itself by its name, wherever it was built to. */
export function packageVersion(): string {
  const found: unknown = createRequire(import.meta.url)('lockstep/package.json')
  return (found as { readonly version: string }).version
}
