// What can keep a node from using its data directory.

/** Why, stable for programs. */
export type DataDirectoryErrorCode =
  | 'locked'
  | 'notDirectory'
  | 'notWritable'
  | 'notEmpty'
  | 'newerFormat'
  | 'damaged'
  | 'otherNode'
  | 'otherCluster'
  | 'ioFailed'

/** A data directory that cannot be used; `message` names it and says what to do. */
export class DataDirectoryError extends Error {
  override readonly name = 'DataDirectoryError'
  readonly code: DataDirectoryErrorCode

  constructor(code: DataDirectoryErrorCode, message: string, cause?: Error) {
    super(message, cause === undefined ? {} : { cause })
    this.code = code
  }
}

/** What the operating system refused, in words that name the directory. */
export function systemProblem(path: string, cause: unknown): DataDirectoryError {
  const error = cause as NodeJS.ErrnoException
  const { code = '', message } = error
  const said = `data directory ${path}: ${message}`
  if (code === 'ENOTDIR' || code === 'EEXIST') {
    const advice = 'a file is in its place; name another directory or move the file away'
    return new DataDirectoryError('notDirectory', `${said}: ${advice}`, error)
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    const advice = 'it must be writable for the user of this process'
    return new DataDirectoryError('notWritable', `${said}: ${advice}`, error)
  }
  if (code === 'EOPNOTSUPP' || code === 'ENOTSUP') {
    const advice = 'its file system cannot lock it with a socket; use a local one'
    return new DataDirectoryError('ioFailed', `${said}: ${advice}`, error)
  }
  const advice = 'repair this, then start the node again'
  return new DataDirectoryError('ioFailed', `${said}: ${advice}`, error)
}
