// What the package shows of storage: the log, the disk it stands on and one disk in memory.

export type { Disk, SyncResult } from './disk.ts'
export { crc32c } from './crc32.ts'
export { MemoryDisk } from './memory-disk.ts'
export { LOG_FORMAT_VERSION, RECORD_BYTES_MAX } from './record.ts'
export type { LogIdentity } from './record.ts'
export { readLog } from './recovery.ts'
export type { Corrupt, Foreign, Fresh, LogContents, Readable, Recovered } from './recovery.ts'
export { logFile, openLog } from './write-ahead-log.ts'
export type { LogReport, Recovery, WriteAheadLog } from './write-ahead-log.ts'
