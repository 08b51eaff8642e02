// Names of owners that nobody else has: 16 random bytes, in hexadecimal.

const OWNER_BYTES = 16
const POOL_BYTES = 256 * OWNER_BYTES

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  return byte.toString(16).padStart(2, '0')
})

/** Random bytes are cheap by the thousand, and dear by the dozen. */
const pool = new Uint8Array(POOL_BYTES)
let used = POOL_BYTES

/** A name of 32 hexadecimal digits. */
export function randomOwner(): string {
  if (used === POOL_BYTES) {
    crypto.getRandomValues(pool)
    used = 0
  }
  let name = ''
  for (let end = used + OWNER_BYTES; used < end; used++) name += HEX[pool[used] as number]
  return name
}
