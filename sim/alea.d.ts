// The one generator of seedrandom that loads nothing of the platform.

declare module 'seedrandom/lib/alea.js' {
  /** A generator seeded with `seed`; `int32` gives 32 signed bits. */
  export default function alea(seed: string): { int32(): number }
}
