// The public names of lockstep/server.

export { openFileDisk } from '../storage/node/file-disk.ts'
export type { FileDisk, FileDiskOptions } from '../storage/node/file-disk.ts'
export { FileDiskError } from '../storage/node/file-disk-error.ts'
export type { FileOperation } from '../storage/node/file-disk-error.ts'
export { DATA_FORMAT_VERSION, openDataDirectory } from './data-directory.ts'
export type { DataDirectory, DataDirectoryOptions } from './data-directory.ts'
export { DataDirectoryError } from './data-directory-error.ts'
export type { DataDirectoryErrorCode } from './data-directory-error.ts'
export { isJoiner, nodeIdOf } from './node-identity.ts'
export type { NodeIdentity } from './node-identity.ts'
export { CLIENT_PROTOCOL } from './client-connections.ts'
export type { ClientConnectionsOptions } from './client-connections.ts'
export { incarnationOf, nameOf } from './cluster-view.ts'
export type { ClusterNode, ClusterView } from './cluster-view.ts'
export { LockFeed } from './lock-feed.ts'
export type { Watcher } from './lock-feed.ts'
export type { LockMetrics } from './lock-metrics.ts'
export type {
  AppliedLockCommand,
  LockReplica,
  ServiceCommand,
  ServiceOutcome,
  ServiceReply,
  ServiceState,
} from './lock-replica.ts'
export { drawRequestId, lockServiceOn } from './lock-service.ts'
export type { Answer, LockService, LockServiceOptions, Pending } from './lock-service.ts'
export { lockApi, registerLockApi } from './http/api.ts'
export type { LockApi, LockApiOptions } from './http/api.ts'
export { authoriser, parseTokenRules } from './http/auth.ts'
export type { Access, Authoriser, TokenRule, Verb } from './http/auth.ts'
export { PROBLEMS } from './http/problem.ts'
export type { ProblemCode } from './http/problem.ts'
export { httpServer } from './http/server.ts'
export type { HttpServerOptions } from './http/server.ts'
export { startNode } from './node.ts'
export type { NodeEnd, RunningNode } from './node.ts'
export { NODE_OPTIONS, OptionsError, readNodeOptions } from './options.ts'
export type { NodeOption, NodeOptions, OptionSources, TlsFiles } from './options.ts'
export type { Address, LogLevel, PeerAddress } from './option-values.ts'
export { StartError } from './start-error.ts'
export { startReplica } from './replica.ts'
export type { AppliedCommand, ReplicaOptions, RunningReplica, StopReason } from './replica.ts'
export { ReplicaError } from './replica-error.ts'
export type { ReplicaErrorCode } from './replica-error.ts'
export { systemTime } from './time.ts'
export type { Cancel, Time } from './time.ts'
