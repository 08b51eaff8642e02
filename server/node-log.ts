// What a node logs of its replica: elections, members, snapshots, and what it has refused. Lines of
// JSON on stdout. It decides nothing.

import { pino } from 'pino'
import type { Logger } from 'pino'
import type { TraceEvent } from '../core/effect.ts'
import type { TcpNotice } from '../transports/node/tcp-options.ts'
import { nowAndThen } from './now-and-then.ts'
import type { LogLevel } from './option-values.ts'

export type { Logger } from 'pino'

/** A logger for the node of that name. */
export function nodeLogger(level: LogLevel, id: string): Logger {
  return pino({ level, base: { node: id }, timestamp: pino.stdTimeFunctions.isoTime })
}

/** Logs what the consensus tells. `onTrace` of a replica. */
export function traceLogger(logger: Logger): (trace: TraceEvent) => void {
  return (trace) => {
    const { type, ...fields } = trace
    switch (trace.type) {
      case 'becameLeader':
        return logger.info(fields, 'this node leads')
      case 'leaderChanged':
        if (trace.leader === null) return logger.debug(fields, 'no leader is known')
        return logger.info(fields, 'a leader is known')
      case 'quorumLost':
        return logger.warn(fields, 'this node stopped leading: a majority is out of reach')
      case 'diskStalled':
        return logger.warn(fields, 'this node stopped leading: its disk finishes no write')
      case 'removed':
        return logger.info(fields, 'this node stopped leading: it is a voter no more')
      case 'membershipChanged':
        return logger.info(fields, 'the members are others')
      case 'repaired':
        return logger.info(fields, 'the log has again what its disk had lost')
      case 'snapshotInstalled':
        return logger.info(fields, "a snapshot of the leader's was installed")
      case 'transferStarted':
        return logger.info(fields, 'the leadership is being handed over')
      case 'transferTimedOut':
        return logger.warn(fields, 'the leadership was not taken over in time')
      case 'refused':
        return logger.warn(fields, 'a message that no sound node sends was refused')
      case 'becameFollower':
      case 'becamePrecandidate':
      case 'becameCandidate':
      case 'truncated':
      case 'snapshotTaken':
        return logger.debug(fields, type)
    }
  }
}

/** Between two lines on strangers that were closed, milliseconds. */
const CROWDED_TOLD_MS = 10_000

/** Logs what the transport tells of the other nodes. */
export function noticeLogger(logger: Logger): (notice: TcpNotice) => void {
  const crowded = nowAndThen(CROWDED_TOLD_MS, (closedCount) => {
    logger.warn({ closedCount }, 'too many connections of strangers: the oldest were closed')
  })
  return (notice) => {
    const { type, ...fields } = notice
    switch (notice.type) {
      case 'connected':
        return logger.info(fields, 'connected')
      case 'disconnected':
        return logger.info(fields, 'disconnected')
      case 'failed':
        if (notice.ending.type === 'refused' || notice.ending.type === 'broken') {
          return logger.warn(fields, 'a connection was refused')
        }
        return logger.debug(fields, 'a connection came to nothing')
      case 'crowded':
        return crowded(notice.closedCount)
    }
  }
}
