// What a failure of the file system is called: the file, the call that failed, and what to do. It
// knows the operating system's codes and no files.

/** What was tried on a file or a folder when it failed. */
export type FileOperation = 'open' | 'read' | 'write' | 'cut' | 'sync' | 'remove' | 'close' | 'use'

/** A file or folder could not be used. `code` is the operating system's, or `closed`. */
export class FileDiskError extends Error {
  override readonly name = 'FileDiskError'
  readonly code: string
  readonly path: string
  readonly operation: FileOperation

  constructor(operation: FileOperation, path: string, cause: unknown) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'closed'
    const reason = cause instanceof Error ? plain(cause.message) : String(cause)
    super(`cannot ${operation} ${path}: ${reason}; ${adviceOn(code)}`, { cause })
    this.code = code
    this.path = path
    this.operation = operation
  }
}

/** Node's messages repeat call and path behind a comma: `ENOSPC: no space left, write`. */
function plain(message: string): string {
  return /^[A-Z0-9]+: [^,]*/.exec(message)?.[0] ?? message
}

const START_AGAIN = 'then start the node again: what it has acknowledged is kept'

const advice: Readonly<Record<string, string>> = {
  ENOSPC: `free space on this volume, ${START_AGAIN}`,
  EDQUOT: `raise the quota of this user on this volume, ${START_AGAIN}`,
  EFBIG: `raise the limit on the size of files (ulimit -f), ${START_AGAIN}`,
  EIO: `look for errors of the device in the kernel's log, ${START_AGAIN} if the device is sound`,
  EROFS: `mount this volume for writing, ${START_AGAIN}`,
  EMFILE: `raise the limit on open files (ulimit -n), ${START_AGAIN}`,
  ENFILE: `raise the system's limit on open files (fs.file-max), ${START_AGAIN}`,
  EACCES: `give the user of this process the right to write there, ${START_AGAIN}`,
  EPERM: `give the user of this process the right to write there, ${START_AGAIN}`,
  ENOENT: 'make the folder, or see who has removed it',
  ENOTDIR: 'name a folder instead',
  closed: 'open the disk anew'
}

function adviceOn(code: string): string {
  return advice[code] ?? `repair this, ${START_AGAIN}`
}
