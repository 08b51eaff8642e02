// What the package shows of storage where there is Node: a disk of real files.

export { openFileDisk } from './file-disk.ts'
export type { FileDisk, FileDiskOptions } from './file-disk.ts'
export { FileDiskError } from './file-disk-error.ts'
export type { FileOperation } from './file-disk-error.ts'
