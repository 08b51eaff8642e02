// Numbers and durations for people to read.

/** An integer with commas: 3,402,113. */
export function integer(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** A number with one decimal, or none from 1000 on. */
export function decimal(value: number): string {
  return Math.abs(value) < 1_000 ? String(Math.round(value * 10) / 10) : integer(value)
}

/** A duration: `850 ms`, `12.3 s`, `4 min 10 s`, `1 h 42 min`. */
export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1_000)} ms`
  if (seconds < 60) return `${decimal(seconds)} s`
  const whole = Math.round(seconds)
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return `${minutes} min ${whole % 60} s`
  return `${integer(Math.floor(minutes / 60))} h ${minutes % 60} min`
}

/** `1 seed`, `2 seeds`. */
export function counted(count: number, noun: string): string {
  return `${integer(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** A path as a shell takes it: quoted where it must be. */
export function shellWord(path: string): string {
  return /^[\w./@%+=:,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
