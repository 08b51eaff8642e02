// Builds after an install from a checkout and before a pack.
// Where the compiler is not installed (npm ci --omit=dev) there is nothing to do, and that is fine.

import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

if (hasCompiler()) {
  await import('./build.js')
} else {
  console.log('prepare: typescript is not installed, dist/ is left as it is')
}

function hasCompiler() {
  try {
    require.resolve('typescript/bin/tsc')
    return true
  } catch {
    return false
  }
}
