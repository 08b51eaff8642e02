// The public face of the checker: histories in, a verdict and its explanation out.

export { asInFile, checkWords } from './check-words.ts'
export { check, minimised, type CheckResult } from './check.ts'
export {
  Tagged,
  type Asked,
  type HistoryEvent,
  type Plain,
  type PlainMap,
  type Told
} from './event.ts'
export { FORMATS, formatNamed, headChars, recogniseFormat } from './formats/formats.ts'
export {
  FormatError,
  type Format,
  type HistoryReader,
  type Place,
  type ReadOptions
} from './formats/format.ts'
export { OperationReader } from './formats/operation-reader.ts'
export {
  Pairing,
  PairingError,
  type Failed,
  type FileOperation,
  type PairingOptions
} from './formats/pairing.ts'
export { malformedReason, type Operation } from './history.ts'
export { explain } from './explain.ts'
export { linearize, stepsDefault, type Limits } from './linearize.ts'
export {
  describeLock,
  type LockInput,
  type LockOperation,
  type LockOutput
} from './lock-history.ts'
export { checkLocks, type LockTiming } from './lock-monitor.ts'
export type { Judged, Model } from './model.ts'
export {
  MODELS,
  modelNamed,
  recogniseModel,
  type AnyModel,
  type ModelEntry,
  type ModelOptions
} from './models/catalogue.ts'
export { leaseMutex, type MutexState } from './models/lease-mutex.ts'
export type { NamedModel } from './models/named-model.ts'
export { isMonitored, LockMonitor, MONITORED, type Violation } from './online/lock-monitor.ts'
export { renderHtml, type PictureOptions } from './picture/picture.ts'
export {
  register,
  type RegisterInput,
  type RegisterOutput,
  type RegisterState,
  type RegisterValue
} from './models/register.ts'
export { checkStream, type EventPiece, type EventStream, type StreamOptions } from './stream.ts'
export type { Proved, Span, Verdict } from './verdict.ts'
export { verify } from './verify.ts'
export { inWords, WordError } from './words.ts'
