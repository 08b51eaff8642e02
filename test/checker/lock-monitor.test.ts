// Hand-written lock histories: each bad one beside a good one that differs in one point, so that
// the sentence is about that point. Instants are in milliseconds and recorded as microseconds.

import * as assert from 'uvu/assert'
import type { LockInput, LockOperation, LockOutput } from '../../checker/lock-history.ts'
import { checkLocks } from '../../checker/lock-monitor.ts'
import { suite } from '../harness.ts'

const test = suite('lock monitor')

const timing = { unitsPerMs: 1000, epsilonPpm: 500, slackMs: 1 }

function operation(from: number, to: number, input: LockInput, output?: LockOutput): LockOperation {
  const instants = { process: 0, input, call: from * 1000, return: to * 1000 }
  if (output === undefined) return { ...instants, return: Infinity, outcome: 'info' }
  return { ...instants, outcome: 'ok', output }
}

function acquire(
  from: number,
  to: number,
  owner: string,
  output?: LockOutput,
  ttlMs: number = 1000
): LockOperation {
  return operation(from, to, { type: 'acquire', key: 'L', owner, ttlMs, waitMs: 0 }, output)
}

function release(
  from: number,
  to: number,
  owner: string,
  token: number | null,
  output?: LockOutput
): LockOperation {
  return operation(from, to, { type: 'release', key: 'L', owner, token }, output)
}

function renew(
  from: number,
  to: number,
  owner: string,
  token: number | null,
  output?: LockOutput,
  ttlMs: number = 1000
): LockOperation {
  return operation(from, to, { type: 'renew', key: 'L', owner, token, ttlMs }, output)
}

function status(from: number, to: number, token: number, owner: string): LockOperation {
  const output = { type: 'status', locked: token > 0, token, owner } as const
  return operation(from, to, { type: 'status', key: 'L' }, output)
}

const granted = (token: number, count: number = 1): LockOutput => {
  return { type: 'granted', token, count }
}
const held = (token: number): LockOutput => ({ type: 'held', token })
const released = (count: number = 0): LockOutput => ({ type: 'released', count })
const renewed = (token: number, ttlMs: number = 1000): LockOutput => {
  return { type: 'renewed', token, ttlMs }
}
const expired: LockOutput = { type: 'expired', token: 0 }
const notHolder: LockOutput = { type: 'notHolder' }

interface Story {
  readonly title: string
  readonly bad: readonly LockOperation[]
  readonly good: readonly LockOperation[]
  readonly message: string
  /** How many operations the verdict names. */
  readonly named: number
}

const stories: readonly Story[] = [
  {
    title: 'two holdings at once: refused',
    bad: [acquire(11_952, 12_000, 'c1', granted(6)), acquire(12_100, 12_402, 'c3', granted(7))],
    good: [acquire(11_952, 12_000, 'c1', granted(6)), acquire(12_100, 12_402, 'c3', held(6))],
    message:
      'c3 was granted L with token 7 at 12.402 s while c1 held it with token 6 until ' +
      'at least 12.950 s',
    named: 2
  },
  {
    title: 'a grant before the lease was over: refused, and legal once it can be',
    bad: [acquire(0, 10, 'c1', granted(6)), acquire(500, 997, 'c3', granted(7))],
    good: [acquire(0, 10, 'c1', granted(6)), acquire(500, 998, 'c3', granted(7))],
    message:
      'c3 was granted L with token 7 at 0.997 s while c1 held it with token 6 until at ' +
      'least 0.998 s',
    named: 2
  },
  {
    title: 'a grant before the renewed lease was over: refused',
    bad: [
      acquire(0, 10, 'c1', granted(6)),
      renew(900, 910, 'c1', 6, renewed(6, 1500)),
      acquire(1000, 2300, 'c3', granted(7))
    ],
    good: [
      acquire(0, 10, 'c1', granted(6)),
      renew(900, 910, 'c1', 6),
      acquire(1000, 2300, 'c3', granted(7))
    ],
    message:
      'c3 was granted L with token 7 at 2.300 s while c1 held it with token 6 until at ' +
      'least 2.397500 s',
    named: 2
  },
  {
    title: 'a grant after a renew shortened the lease: legal only then',
    bad: [
      acquire(0, 10, 'c1', granted(6), 5000),
      renew(100, 110, 'c1', 6, renewed(6, 1000)),
      acquire(900, 1090, 'c3', granted(7))
    ],
    good: [
      acquire(0, 10, 'c1', granted(6), 5000),
      renew(100, 110, 'c1', 6, renewed(6, 1000)),
      acquire(900, 1100, 'c3', granted(7))
    ],
    message:
      'c3 was granted L with token 7 at 1.090 s while c1 held it with token 6 until at ' +
      'least 1.098 s',
    named: 2
  },
  {
    title: 'a refresh that would shorten the lease: it does not',
    bad: [
      acquire(0, 10, 'c1', granted(6), 5000),
      acquire(100, 110, 'c1', granted(6), 1000),
      acquire(900, 1200, 'c3', granted(7))
    ],
    good: [
      acquire(0, 10, 'c1', granted(6), 5000),
      acquire(100, 110, 'c1', granted(6), 1000),
      acquire(900, 5000, 'c3', granted(7))
    ],
    message:
      'c3 was granted L with token 7 at 1.200 s while c1 held it with token 6 until at ' +
      'least 4.994 s',
    named: 2
  },
  {
    title: 'a token that does not grow: refused',
    bad: [
      acquire(0, 10, 'c1', granted(7)),
      release(20, 30, 'c1', 7, released()),
      acquire(40, 50, 'c3', granted(6))
    ],
    good: [
      acquire(0, 10, 'c1', granted(7)),
      release(20, 30, 'c1', 7, released()),
      acquire(40, 50, 'c3', granted(8))
    ],
    message:
      'c1 was granted L with token 7 at 0.010 s, before c3 can have been granted the ' +
      'lower token 6, at 0.040 s',
    named: 2
  },
  {
    title: 'one token for two owners: refused',
    bad: [
      acquire(0, 10, 'c1', granted(6)),
      release(20, 30, 'c1', 6, released()),
      acquire(40, 50, 'c3', granted(6))
    ],
    good: [
      acquire(0, 10, 'c1', granted(6)),
      release(20, 30, 'c1', 6, released()),
      acquire(40, 50, 'c3', granted(7))
    ],
    message: "c3: acquire L -> granted token 6, count 1, but token 6 of L is c1's",
    named: 2
  },
  {
    title: 'a renew after the next holding was granted: refused',
    bad: [
      acquire(0, 10, 'c1', granted(6)),
      acquire(1500, 1510, 'c3', granted(7)),
      renew(1600, 1610, 'c1', 6, renewed(6))
    ],
    good: [
      acquire(0, 10, 'c1', granted(6)),
      acquire(1500, 1510, 'c3', granted(7)),
      renew(1600, 1610, 'c1', 6, expired)
    ],
    message:
      'c3 was granted L with token 7 at 1.510 s while c1 held it with token 6 until at ' +
      'least 2.598 s',
    named: 2
  },
  {
    title: 're-entry after the release: refused',
    bad: [
      acquire(0, 10, 'c1', granted(6)),
      release(20, 30, 'c1', 6, released()),
      acquire(40, 50, 'c1', granted(6, 2))
    ],
    good: [
      acquire(0, 10, 'c1', granted(6)),
      release(20, 45, 'c1', 6, released()),
      acquire(12, 15, 'c1', granted(6, 2)),
      release(16, 19, 'c1', 6, released(1))
    ],
    message:
      'c1 was granted L with token 6, asked at 0.040 s, though c1 had released it at ' +
      '0.030 s',
    named: 2
  },
  {
    title: 'a status that shows an old holding: refused',
    bad: [
      acquire(0, 10, 'c1', granted(6)),
      release(20, 30, 'c1', 6, released()),
      acquire(40, 50, 'c3', granted(7)),
      status(60, 70, 6, 'c1')
    ],
    good: [
      acquire(0, 10, 'c1', granted(6)),
      release(20, 30, 'c1', 6, released()),
      acquire(40, 50, 'c3', granted(7)),
      status(60, 70, 7, 'c3')
    ],
    message:
      'process 3 was told that L is held with token 6, asked at 0.060 s, though c1 had ' +
      'released it at 0.030 s',
    named: 2
  },
  {
    title: 'a status that shows a held key free: refused',
    bad: [acquire(0, 10, 'c1', granted(6)), status(20, 30, 0, '')],
    good: [acquire(0, 10, 'c1', granted(6)), status(5, 30, 0, '')],
    message:
      'process 1 was told that L is free at 0.030 s while c1 held it with token 6 from ' +
      '0.010 s until at least 0.998 s',
    named: 2
  },
  {
    title: 'a status before the grant delays it: the next grant comes too soon',
    bad: [
      acquire(0, 500, 'c1', granted(6)),
      status(400, 410, 0, ''),
      acquire(600, 1397, 'c3', granted(7))
    ],
    good: [
      acquire(0, 500, 'c1', granted(6)),
      status(400, 410, 0, ''),
      acquire(600, 1398, 'c3', granted(7))
    ],
    message:
      'c3 was granted L with token 7 at 1.397 s while c1 held it with token 6 until at ' +
      'least 1.398 s',
    named: 2
  },
  {
    title: 'a try refused for a holding that was over: refused',
    bad: [
      acquire(0, 10, 'c1', granted(6)),
      release(20, 30, 'c1', 6, released()),
      acquire(40, 50, 'c3', held(6))
    ],
    good: [
      acquire(0, 10, 'c1', granted(6)),
      release(20, 30, 'c1', 6, released()),
      acquire(25, 50, 'c3', held(6))
    ],
    message:
      'c3 was told that L is held with token 6, asked at 0.040 s, though c1 had ' +
      'released it at 0.030 s',
    named: 2
  },
  {
    title: 'a try refused before anybody asked for the holding: refused',
    bad: [acquire(0, 10, 'c3', held(6)), acquire(20, 30, 'c1', granted(6))],
    good: [acquire(0, 20, 'c3', held(6)), acquire(20, 30, 'c1', granted(6))],
    message:
      'c3 was told that L is held with token 6 at 0.010 s, before anybody can have ' +
      'been granted that token, at 0.020 s',
    named: 2
  },
  {
    title: 'a token that nobody can have been granted: refused',
    bad: [acquire(0, 10, 'c3', held(6)), acquire(0, 10, 'c3')],
    good: [acquire(0, 10, 'c3', held(6)), acquire(0, 10, 'c1')],
    message: 'c3: acquire L -> held token 6, but no acquire can have been granted L with token 6',
    named: 1
  },
  {
    title: 'one unanswered acquire for two holdings: refused',
    bad: [
      acquire(0, 0, 'c1'),
      status(10, 20, 6, 'c1'),
      status(1100, 1110, 7, 'c1')
    ],
    good: [
      acquire(0, 0, 'c1'),
      acquire(30, 30, 'c1'),
      status(10, 20, 6, 'c1'),
      status(1100, 1110, 7, 'c1')
    ],
    message:
      'status L -> held by c1 with token 7, but no acquire by c1 can have been granted ' +
      'L with token 7',
    named: 1
  },
  {
    title: 'a release by another: answered as if it had released, refused',
    bad: [acquire(0, 10, 'c1', granted(6)), release(20, 30, 'c3', 6, released())],
    good: [acquire(0, 10, 'c1', granted(6)), release(20, 30, 'c3', 6, notHolder)],
    message: "c3: release L token 6 -> released, count 0, but token 6 of L is c1's",
    named: 2
  },
  {
    title: 'a release without token by one that holds nothing: refused',
    bad: [acquire(0, 10, 'c1', granted(6)), release(20, 30, 'c3', null, released())],
    good: [acquire(0, 10, 'c1', granted(6)), release(20, 30, 'c3', null, notHolder)],
    message: 'c3 was told that it released L, which it did not hold',
    named: 1
  },
  {
    title: 'a release without token ends the one holding: what comes after is refused',
    bad: [
      acquire(0, 10, 'c1', granted(6)),
      release(20, 30, 'c1', null, released()),
      renew(40, 50, 'c1', 6, renewed(6))
    ],
    good: [
      acquire(0, 10, 'c1', granted(6)),
      release(20, 30, 'c1', null, released()),
      renew(40, 50, 'c1', 6, expired)
    ],
    message: 'c1 was told that it released L, which it did not hold',
    named: 1
  },
  {
    title: 'a key freed twice: refused',
    bad: [
      acquire(0, 10, 'c1', granted(6)),
      release(20, 30, 'c1', 6, released()),
      release(40, 50, 'c1', 6, released())
    ],
    good: [
      acquire(0, 10, 'c1', granted(6)),
      release(20, 30, 'c1', 6, released()),
      release(40, 50, 'c1', 6, notHolder)
    ],
    message: 'c1 was told twice that it freed L of token 6',
    named: 2
  },
  {
    title: 'a holder told that it holds nothing: refused',
    bad: [acquire(0, 10, 'c1', granted(6)), release(20, 30, 'c1', null, notHolder)],
    good: [acquire(0, 10, 'c1', granted(6)), release(20, 1000, 'c1', null, notHolder)],
    message:
      'c1 was told that it does not hold L at 0.030 s while c1 held it with token 6 ' +
      'from 0.010 s until at least 0.998 s',
    named: 2
  },
  {
    title: 'a renew answered expired before the lease can be over: refused',
    bad: [acquire(0, 10, 'c1', granted(6)), renew(900, 997, 'c1', 6, expired)],
    good: [acquire(0, 10, 'c1', granted(6)), renew(900, 998, 'c1', 6, expired)],
    message:
      'c1 was told that it does not hold L at 0.997 s while c1 held it with token 6 ' +
      'from 0.010 s until at least 0.998 s',
    named: 2
  },
  {
    title: 'an acquire answered expired sooner than its lease: refused',
    bad: [acquire(0, 997, 'c1', expired)],
    good: [acquire(0, 998, 'c1', expired)],
    message:
      'c1 was told at 0.997 s that its grant of L had expired, but there was no room ' +
      'for its 1000 ms since 0.000 s',
    named: 1
  },
  {
    title: 'an acquire answered expired while others held the key: refused',
    bad: [
      acquire(0, 1500, 'c1', expired),
      acquire(100, 110, 'c3', granted(7)),
      release(600, 650, 'c3', 7, released())
    ],
    good: [
      acquire(0, 1600, 'c1', expired),
      acquire(100, 110, 'c3', granted(7)),
      release(600, 650, 'c3', 7, released())
    ],
    message:
      'c1 was told at 1.500 s that its grant of L had expired, but there was no room ' +
      'for its 1000 ms since 0.000 s',
    named: 1
  },
  {
    title: 'a level too many: refused',
    bad: [acquire(0, 10, 'c1', granted(6)), acquire(20, 30, 'c1', granted(6, 3))],
    good: [
      acquire(0, 10, 'c1', granted(6)),
      acquire(12, 12, 'c1'),
      acquire(20, 30, 'c1', granted(6, 3))
    ],
    message: 'c1 was told that it has 3 levels of L with token 6, having had 1',
    named: 2
  },
  {
    title: 'a level that a release left in place: refused',
    bad: [acquire(0, 10, 'c1', granted(6)), release(20, 30, 'c1', 6, released(1))],
    good: [
      acquire(0, 10, 'c1', granted(6)),
      acquire(5, 15, 'c1', granted(6, 2)),
      release(20, 30, 'c1', 6, released(1))
    ],
    message: 'c1 was told that it has 1 levels of L with token 6, having had 1',
    named: 2
  },
  {
    title: 'a renew that overlaps a longer re-entry: may be the later of the two',
    bad: [
      acquire(0, 1, 'c1', granted(6), 100),
      renew(5, 9, 'c1', 6, renewed(6, 10)),
      acquire(10, 11, 'c1', granted(6, 2), 1000),
      acquire(30, 40, 'c3', granted(7))
    ],
    good: [
      acquire(0, 1, 'c1', granted(6), 100),
      renew(5, 20, 'c1', 6, renewed(6, 10)),
      acquire(10, 11, 'c1', granted(6, 2), 1000),
      acquire(30, 40, 'c3', granted(7))
    ],
    message:
      'c3 was granted L with token 7 at 0.040 s while c1 held it with token 6 until at ' +
      'least 1.008 s',
    named: 2
  },
  {
    title: 'levels of overlapping acquires: some order must explain them',
    bad: [
      acquire(0, 10, 'c1', granted(6)),
      acquire(20, 30, 'c1', granted(6, 3)),
      acquire(25, 50, 'c1', granted(6, 4)),
      acquire(40, 60, 'c1', granted(6, 2))
    ],
    good: [
      acquire(0, 10, 'c1', granted(6)),
      acquire(20, 30, 'c1', granted(6, 3)),
      acquire(25, 50, 'c1', granted(6, 4)),
      acquire(28, 60, 'c1', granted(6, 2))
    ],
    message: 'c1 was told that it has 3, 4, 2 levels of L with token 6, having had 1',
    named: 4
  },
  {
    title: 'a release without token that can have met two holdings: either may be meant',
    bad: [
      acquire(0, 10, 'c1', granted(6), 20),
      acquire(50, 60, 'c1', granted(7)),
      acquire(70, 80, 'c3', granted(8))
    ],
    good: [
      acquire(0, 10, 'c1', granted(6), 20),
      release(5, 75, 'c1', null, released()),
      acquire(50, 60, 'c1', granted(7)),
      acquire(70, 80, 'c3', granted(8))
    ],
    message:
      'c3 was granted L with token 8 at 0.080 s while c1 held it with token 7 until at ' +
      'least 1.048 s',
    named: 2
  },
  {
    title: 'a try refused for what an acquire answered expired began: only before that answer',
    bad: [acquire(0, 1500, 'c1', expired), acquire(1600, 1610, 'c3', held(6))],
    good: [acquire(0, 1500, 'c1', expired), acquire(1400, 1610, 'c3', held(6))],
    message: 'c3: acquire L -> held token 6, but no acquire can have been granted L with token 6',
    named: 1
  },
  {
    title: 'an unanswered acquire before the grant: the grant may be a refresh of what it began',
    bad: [
      renew(1, 20, 'c1', 6, renewed(6)),
      acquire(10, 15, 'c1', granted(6), 5),
      acquire(1000, 1003, 'c3', granted(7))
    ],
    good: [
      acquire(0, 0, 'c1'),
      renew(1, 20, 'c1', 6, renewed(6)),
      acquire(10, 15, 'c1', granted(6), 5),
      acquire(1000, 1003, 'c3', granted(7))
    ],
    message:
      'c3 was granted L with token 7 at 1.003 s while c1 held it with token 6 until at ' +
      'least 1.008 s',
    named: 2
  },
  {
    title: 'a holding known before its owner asked: needs an acquire that is unanswered',
    bad: [status(5, 8, 6, 'c1'), acquire(20, 30, 'c1', granted(6))],
    good: [acquire(0, 0, 'c1'), status(5, 8, 6, 'c1'), acquire(20, 30, 'c1', granted(6))],
    message:
      'process 0 was told that L is held with token 6 at 0.008 s, before anybody can ' +
      'have been granted that token, at 0.020 s',
    named: 2
  },
  {
    title: 'one acquire answered expired for two holdings: refused',
    bad: [
      acquire(0, 2500, 'c1', expired),
      status(10, 20, 6, 'c1'),
      status(1100, 1110, 7, 'c1')
    ],
    good: [
      acquire(0, 2500, 'c1', expired),
      acquire(0, 2500, 'c1', expired),
      status(10, 20, 6, 'c1'),
      status(1100, 1110, 7, 'c1')
    ],
    message:
      'status L -> held by c1 with token 7, but no acquire by c1 can have been granted ' +
      'L with token 7',
    named: 1
  },
  {
    title: 'a release without token of an untold grant: not while another holds',
    bad: [
      acquire(0, 0, 'c1'),
      acquire(5, 10, 'c3', granted(7)),
      release(20, 30, 'c1', null, released())
    ],
    good: [
      acquire(0, 0, 'c1'),
      acquire(5, 10, 'c3', granted(7)),
      release(20, 1100, 'c1', null, released())
    ],
    message: 'c1 was told at 0.030 s that it released L, which others had held since 0.020 s',
    named: 1
  },
  {
    title: 'an unanswered acquire that a refresh reveals: it is used up',
    bad: [
      acquire(0, 0, 'c1'),
      status(5, 8, 6, 'c1'),
      acquire(20, 30, 'c1', granted(6)),
      status(1100, 1110, 7, 'c1')
    ],
    good: [
      acquire(0, 0, 'c1'),
      status(5, 8, 6, 'c1'),
      acquire(20, 30, 'c1', granted(6)),
      acquire(40, 40, 'c1'),
      status(1100, 1110, 7, 'c1')
    ],
    message:
      'status L -> held by c1 with token 7, but no acquire by c1 can have been granted L ' +
      'with token 7',
    named: 1
  },
  {
    title: 'acquires answered expired before and after: neither began what was seen between',
    bad: [
      acquire(0, 1000, 'c1', expired),
      status(1500, 1600, 6, 'c1'),
      acquire(2000, 4000, 'c1', expired)
    ],
    good: [
      acquire(0, 1500, 'c1', expired),
      status(1500, 1600, 6, 'c1'),
      acquire(2000, 4000, 'c1', expired)
    ],
    message:
      'process 1 was told that L is held with token 6 at 1.600 s, before anybody can have been ' +
      'granted that token, at 2.000 s',
    named: 2
  },
  {
    title: 'a holder whose try was refused for its own holding: refused',
    bad: [acquire(0, 10, 'c1', granted(6)), acquire(20, 30, 'c1', held(6))],
    good: [acquire(0, 10, 'c1', granted(6)), acquire(20, 30, 'c2', held(6))],
    message: 'c1 was told that L is held, by its own token 6',
    named: 2
  },
  {
    title: 'a first grant without token: refused',
    bad: [acquire(0, 10, 'c1', granted(0))],
    good: [acquire(0, 10, 'c1', granted(1))],
    message: 'A holding of L has the token 0',
    named: 1
  },
  {
    title: 'an answer to another question: refused',
    bad: [acquire(0, 10, 'c1', released())],
    good: [acquire(0, 10, 'c1', { type: 'rejected', reason: 'overloaded' })],
    message: 'c1: acquire L -> released, count 0 is no answer to that',
    named: 1
  }
]

/** Gives each operation a process of its own, numbered from 0. */
function numbered(operations: readonly LockOperation[]): LockOperation[] {
  return operations.map((told, process) => ({ ...told, process }))
}

for (const { title, bad, good, message, named } of stories) {
  test(`lock monitor: ${title}`, () => {
    assert.equal(checkLocks(numbered(good), timing), { verdict: 'ok', checked: good.length })
    const verdict = checkLocks(numbered(bad), timing)
    if (verdict.verdict !== 'violation') assert.unreachable(`verdict ${verdict.verdict}`)
    else {
      assert.is(verdict.message, message)
      assert.is(verdict.operations.length, named)
    }
  })
}

test('lock monitor: a malformed history: unknown, with the reason', () => {
  const history = [acquire(0, 10, 'c1', granted(6)), acquire(5, 15, 'c3', held(6))]
  assert.equal(checkLocks(history, timing), {
    verdict: 'unknown',
    checked: 2,
    reason: 'process 0 asks at 5000, before its last answer at 10000'
  })
  const { output, ...answerless } = acquire(0, 10, 'c1', granted(6))
  assert.is(output?.type, 'granted')
  assert.equal(checkLocks([answerless], timing), {
    verdict: 'unknown',
    checked: 1,
    reason: 'process 0 has an ok operation without output'
  })
})

test('lock monitor: several keys: judged one by one, tokens not compared', () => {
  const other = (told: LockOperation): LockOperation => {
    return { ...told, input: { ...told.input, key: 'M' } }
  }
  const first = acquire(0, 10, 'c1', granted(6))
  const good = numbered([first, other(acquire(0, 10, 'c3', granted(6)))])
  assert.is(checkLocks(good, timing).verdict, 'ok')
  const bad = numbered([...good, other(acquire(20, 30, 'c4', granted(7)))])
  const verdict = checkLocks(bad, timing)
  assert.equal(verdict.verdict === 'violation' ? verdict.operations : [], [bad[1], bad[2]])
})

test('lock monitor: an unanswered release: may free the key at any time after its call', () => {
  const first = acquire(0, 10, 'c1', granted(6))
  const next = acquire(20, 30, 'c3', granted(7))
  const early = numbered([first, release(15, 0, 'c1', 6), next])
  assert.is(checkLocks(early, timing).verdict, 'ok')
  const late = numbered([first, release(31, 0, 'c1', 6), next])
  assert.is(checkLocks(late, timing).verdict, 'violation')
  const foreign = numbered([first, release(15, 0, 'c1', 5), next])
  assert.is(checkLocks(foreign, timing).verdict, 'violation')
})

test('lock monitor: an unanswered renew: may have shortened the lease, never lengthened it', () => {
  const first = acquire(0, 10, 'c1', granted(6))
  const next = acquire(20, 600, 'c3', granted(7))
  assert.is(checkLocks(numbered([first, next]), timing).verdict, 'violation')
  const shorter = numbered([first, renew(100, 0, 'c1', 6, undefined, 400), next])
  assert.is(checkLocks(shorter, timing).verdict, 'ok')
  const longer = numbered([first, renew(100, 0, 'c1', 6, undefined, 5000)])
  const after = numbered([...longer, acquire(900, 1000, 'c3', granted(7))])
  assert.is(checkLocks(after, timing).verdict, 'ok')
})

test('lock monitor: a hundred thousand operations on one key: decided, good and bad', () => {
  const history: LockOperation[] = []
  for (let turn = 0; turn < 33_334; turn++) {
    const owner = `c${turn % 10}`
    const token = turn + 1
    const at = turn * 10
    history.push(acquire(at - 5, at + 1, owner, granted(token)))
    history.push(acquire(at + 2, at + 3, 'x', held(token)))
    history.push(release(at + 4, at + 6, owner, token, released()))
  }
  const good = numbered(history)
  assert.equal(checkLocks(good, timing), { verdict: 'ok', checked: 100_002 })
  const last = acquire(333_000, 333_001, 'y', held(5))
  const verdict = checkLocks([...good, { ...last, process: -1 }], timing)
  assert.is(verdict.verdict, 'violation')
})

test.run()
