// Mistakes of the client library: of its calls in sessions, of the acquires that it undoes, and of
// what it makes of requests that never left and of connections that broke.

import type { Mutant } from './mutant.ts'

/** Bugs of clients that ask through the client library. */
export const CLIENT_MUTANTS: readonly Mutant[] = [
  {
    id: 'G1',
    file: 'client/guarded-calls.ts',
    find: "if (ended.type !== 'refused') return then({ call, command, ended })",
    replace: `if (ended.type !== 'refused' && ended.type !== 'unknown') {
          return then({ call, command, ended })
        }`,
    story: 'A call of unknown end is asked again under a new number.',
    source: 'https://doi.org/10.1145/2815400.2815416',
    killedBy: { seed: 4, oracle: 'nothing is left of what was given up' },
  },
  {
    id: 'G2',
    file: 'client/acquires.ts',
    find: "else if (ended.type === 'unknown') this.#settle(made, () => {})",
    replace: "else if (ended.type === 'unknown') call?.end()",
    story: 'An acquire that its caller gives up is forgotten, and waits or holds on.',
    source: 'https://github.com/apache/curator/issues/600',
    killedBy: { seed: 4, oracle: 'nothing is left of what was given up' },
  },
  {
    id: 'G3',
    file: 'client/acquires.ts',
    find: "if (ended.type === 'answered') this.giveBack(command, ended.reply)",
    replace: "if (ended.type === 'answered') call?.end()",
    story: 'A lock that is granted just as its caller gives up stays held.',
    source: 'https://github.com/llm-d-incubation/llm-d-rl-time-slicing/issues/80',
    killedBy: { seed: 33, oracle: 'nothing is left of what was given up' },
  },
  {
    id: 'G4',
    file: 'client/acquires.ts',
    find: 'call.ask(cancel, this.#terms, (taken) => {',
    replace: 'this.#calls.call(cancel, this.#terms, (taken: AskEnded) => {',
    story: 'What is given up is cancelled under another number, and comes after that.',
    source: 'https://github.com/apache/curator/issues/566',
    killedBy: { seed: 4, oracle: 'nothing is left of what was given up' },
  },
  {
    id: 'G5',
    file: 'client/guarded-calls.ts',
    find: 'if (!session.isIdle || !this.#retired.delete(session)) return',
    replace: 'if (!this.#retired.delete(session)) return',
    story: 'A session is closed once another takes its place, under calls that are not over.',
    source: 'https://doi.org/10.1145/2815400.2815416',
    killedBy: { seed: 4, oracle: 'no call is forgotten before it is over' },
  },
  {
    id: 'G6',
    file: 'client/session.ts',
    find: '  get acknowledged(): number {\n    return this.#acknowledged\n',
    replace: `  get acknowledged(): number {
    return Math.max(this.#acknowledged, this.#sequence - 1)
`,
    story: 'A client acknowledges calls that are not over once there are newer ones.',
    source: 'https://github.com/logcabin/logcabin/commit/163fba5',
    killedBy: { seed: 4, oracle: 'no call is forgotten before it is over' },
  },
  {
    id: 'G7',
    file: 'client/request.ts',
    find: `    call.open = open.filter(({ to }) => to !== node)
    call.ambiguous = true`,
    replace: '    call.open = open.filter(({ to }) => to !== node)',
    story: 'What was asked on a connection that broke counts as not asked.',
    source: 'https://github.com/cockroachdb/cockroach/issues/54867',
    killedBy: { seed: 4, oracle: 'nothing is left of what was given up' },
  },
  {
    id: 'G8',
    file: 'client/request.ts',
    find: 'if (call !== undefined) finish(turn, call, undone(call))',
    replace: "if (call !== undefined) finish(turn, call, { type: 'failed', refusal: null })",
    story: 'A call that its caller gives up counts as not done.',
    source: 'https://github.com/redpanda-data/connect/pull/4666',
    killedBy: { seed: 4, oracle: 'nothing is left of what was given up' },
  },
  {
    id: 'G9',
    file: 'client/request.ts',
    find: `  passBy(turn, attempt.to)
  const { phase } = call`,
    replace: `  passBy(turn, attempt.to)
  call.open = []
  const { phase } = call`,
    story: 'A request that never left stands for all attempts of its call.',
    source: 'https://github.com/vitessio/vitess/pull/2085',
    killedBy: { seed: 4, oracle: 'nothing is left of what was given up' },
  },
  {
    id: 'G10',
    file: 'client/lock-reply.ts',
    find: "      return 'tooLate'",
    replace: "      return 'final'",
    story: 'A call whose session has ended is made anew, though an attempt may have been heard.',
    source: 'https://doi.org/10.1145/2815400.2815416',
    killedBy: { seed: 30, oracle: 'one effect for each call' },
  },
  {
    id: 'G11',
    file: 'client/request.ts',
    find: `  if (call.hops >= turn.config.nodes.length - 1) return pause(turn, call)
  call.hops += 1`,
    replace: '  call.hops += 1',
    story: 'A client whose connections break asks again at once, again and again.',
    source: 'https://github.com/etcd-io/etcd/issues/9578',
    killedBy: { seed: 222, oracle: 'no storm of messages' },
  },
]
