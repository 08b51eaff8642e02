// The mutants as data, and the search for what kills one. That each is killed on its recorded seed,
// the files beside this one see.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import * as assert from 'uvu/assert'
import { editedFiles, editSource, occurrencesCount, openWorkshop } from '../../cli/mutant-build.ts'
import type { Edit, Workshop } from '../../cli/mutant-build.ts'
import type { Trial } from '../../cli/mutant-hunt.ts'
import { withKill } from '../../cli/mutant-record.ts'
import { mutantsCommand } from '../../cli/mutants.ts'
import type { Screen } from '../../cli/screen.ts'
import type { Given } from '../../cli/verb.ts'
import { MUTANTS } from '../../sim/mutants.ts'
import type { Mutant } from '../../sim/mutants/mutant.ts'
import { suite } from '../harness.ts'
import { repositoryRoot } from '../support/source-files.ts'
import { tried } from './recorded-mutants.ts'

const data = suite('mutants: data')

data('mutants: ids: a letter of the list, a number, maybe a variant; none twice', () => {
  const ids = MUTANTS.map(({ id }) => id)
  assert.is(new Set(ids).size, ids.length)
  for (const id of ids) assert.match(id, /^[A-Z][1-9]\d?[a-z]?$/)
})

for (const mutant of MUTANTS) {
  data(`mutants: ${mutant.id}: each find matches exactly once and changes the text`, () => {
    for (const { file, find, replace } of [mutant, ...(mutant.also ?? [])]) {
      assert.is(occurrencesCount(readSource(file), find), 1, `${find} in ${file}`)
      assert.is.not(replace, find)
    }
    assert.match(mutant.story, /^[A-Z][^.]*\.$|^[A-Z].*\)\.$/)
    assert.match(mutant.source, /^https:\/\//)
  })
}

data('mutants: an edit that fits twice or nowhere: refused', () => {
  const edit = { id: 'Z', file: 'a.ts', find: 'one', replace: 'two' }
  assert.throws(() => editSource('one one', edit), /occurs 2 times in a.ts/)
  assert.throws(() => editSource('none'.replace('one', ''), edit), /occurs 0 times/)
})

data('mutants: all: each type-checks as strictly as the core', () => {
  const problems = MUTANTS.flatMap((mutant) => typeProblems(mutant))
  assert.equal(problems, [])
}, { deadlineMs: 120_000 })

data('mutants: a wrong type: the check of types fails', () => {
  const file = 'core/raft/quorum.ts'
  const edit = { id: 'Z', file, find: 'voters / 2', replace: 'voters / true' }
  assert.is.not(typeProblems(edit).length, 0)
})

data('mutants: docs: the page has a row for each, with the recorded oracle and seed', () => {
  const rows = readSource('docs/mutants.md').split('\n').filter((line) => /^\| \w+\d/.test(line))
  assert.is(rows.length, MUTANTS.length)
  for (const { id, story, source, killedBy } of MUTANTS) {
    const row = rows.find((line) => line.startsWith(`| ${id} |`)) ?? ''
    const cells = row.split(' | ')
    assert.is(cells[1], story, id)
    assert.ok(cells[2]?.endsWith(`(${source})`), id)
    assert.is(cells[3], killedBy?.oracle ?? 'nothing', id)
    assert.is(cells[4], String(killedBy?.seed ?? ''), id)
  }
})

data('mutants: recording: rewrites the kill of one mutant and nothing else', () => {
  const text = readSource('sim/mutants/replication.ts')
  const trial = { id: 'C1', killed: true, oracle: 'log matching', seed: 77, seconds: 1, note: null }
  const after = withKill(text, trial)
  const changed = after.split('\n').filter((line, at) => line !== text.split('\n')[at])
  assert.equal(changed, ["    killedBy: { seed: 77, oracle: 'log matching' },"])
  assert.ok(after.indexOf(changed[0] as string) > after.indexOf("id: 'C1'"))
  assert.ok(after.indexOf(changed[0] as string) < after.indexOf("id: 'C3a'"))
  assert.match(withKill(after, { ...trial, killed: false }), /id: 'C1',[^}]*killedBy: null/)
})

data.run()

const hunt = suite<{ workshop: Workshop }>('mutants: hunt')

hunt.before(async (context) => {
  context.workshop = await openWorkshop(repositoryRoot)
})

hunt.after((context) => context.workshop.close())

const HARMLESS = 'const NO_PAYLOAD = new Uint8Array(0)'
const FILE = 'core/raft/election.ts'
const IN_VOTE = 'export function onVoteDurable(turn: Turn): void {'

hunt('mutants: an edit that changes nothing: survives', async (context) => {
  const edit = { id: 'Z1', file: FILE, find: HARMLESS, replace: `${HARMLESS} // the same` }
  const trial = await tried(context.workshop, { ...edit, killedBy: null }, { budgetMs: 1 })
  assert.is(trial.killed, false)
  assert.match(trial.note ?? '', /^survived 1 seeds/)
})

hunt('mutants: one that throws a TypeError: an error, and no kill', async (context) => {
  const replace = `${IN_VOTE} (null as unknown as Turn).term++\n`
  const edit = { id: 'Z2', file: FILE, find: IN_VOTE, replace, killedBy: null }
  const trial = await tried(context.workshop, edit, { budgetMs: 1_000 })
  assert.is(trial.killed, false)
  assert.is(trial.oracle, null)
  assert.match(trial.note ?? '', /^error: TypeError: .*null/)
})

hunt('mutants: one that never ends: an error, and no kill', async (context) => {
  const replace = `${IN_VOTE} for (; turn.term > 0; ) turn.random++\n`
  const edit = { id: 'Z3', file: FILE, find: IN_VOTE, replace, killedBy: null }
  const trial = await tried(context.workshop, edit, { budgetMs: 1_000, hangMs: 2_000 })
  assert.is(trial.killed, false)
  assert.match(trial.note ?? '', /^error: hung: seed 1/)
})

hunt('mutants: a seed that fails without the mutant: an error, and no kill', async (given) => {
  const { workshop } = given
  const mutant = MUTANTS.find(({ id }) => id === 'E3a') as Mutant
  const folder = workshop.build({ ...mutant, id: 'Z4' })
  const broken = { ...workshop, original: { folder, soundSeeds: new Set<number>() } }
  const trial = await tried(broken, { ...mutant, killedBy: null }, { budgetMs: 1_000 })
  assert.is(trial.killed, false)
  assert.match(trial.note ?? '', /^error: without the mutant seed 1 is not ok either: breaks "/)
  assert.is(broken.original.soundSeeds.size, 0)
})

hunt('mutants: a recorded seed kills no more: searches, says re-record', async (given) => {
  const mutant = MUTANTS.find(({ id }) => id === 'E3a') as Mutant
  const edit = { ...mutant, find: HARMLESS, file: FILE, replace: `${HARMLESS} // the same` }
  const killedBy = { seed: 2, oracle: 'log matching' }
  const { workshop } = given
  const trial = await tried(workshop, { ...edit, killedBy }, { recorded: true, budgetMs: 1 })
  assert.is(trial.killed, false)
  assert.match(trial.note ?? '', /re-record: seed 2 does not kill it any more$/)
  const other = await tried(workshop, { ...mutant, killedBy }, { recorded: true })
  assert.is(other.killed, true)
  assert.match(other.note ?? '', /^re-record: "log matching" was recorded/)
  assert.ok(workshop.original.soundSeeds.has(2), 'the unmutated program runs once on a seed')
})

hunt.run()

const verb = suite('mutants: verb')

verb('mutants --only: an unknown id: says which there are', async () => {
  const given = { values: { only: 'E2,Q9' }, positionals: [] }
  await rejects(given, /no mutant 'Q9'; there are E2, E3a/)
})

verb('mutants --record --recorded: refused', async () => {
  const given = { values: { record: true, recorded: true }, positionals: [] } as const
  await rejects(given, /does not go with --recorded/)
})

verb('mutants --only E3a,C17a --json: one object, exit code 0', async () => {
  const printed: string[] = []
  const values = { only: 'E3a,C17a', json: true, jobs: '1' } as const
  const code = await mutantsCommand.run({ values, positionals: [] }, screenInto(printed))
  assert.is(code, 0)
  assert.is(printed.length, 1)
  const { mutants } = JSON.parse(printed[0] as string) as { mutants: Trial[] }
  assert.equal(mutants.map(({ id, killed }) => [id, killed]), [['E3a', true], ['C17a', true]])
  for (const one of mutants) {
    assert.type(one.oracle, 'string')
    assert.type(one.seed, 'number')
    assert.type(one.seconds, 'number')
  }
})

verb.run()

function readSource(path: string): string {
  return readFileSync(join(repositoryRoot, path), 'utf8')
}

async function rejects(given: Given, said: RegExp): Promise<void> {
  let problem: unknown = null
  try {
    await mutantsCommand.run(given, screenInto([]))
  } catch (error) {
    problem = error
  }
  assert.ok(problem instanceof Error)
  assert.is(problem.name, 'UsageError')
  assert.match(problem.message, said)
}

function screenInto(printed: string[]): Screen {
  return {
    isTerminal: false,
    hasStatus: false,
    columns: 80,
    print: (text) => printed.push(text),
    complain: () => undefined,
    status: () => undefined,
    paint: (_, text) => text,
  }
}

/** By the file of its settings. */
const pristine = new Map<string, ts.Program>()

/** What the compiler says of an edited file under the settings of its layer. */
function typeProblems(edit: Edit): string[] {
  const isCore = edit.file.startsWith('core/')
  const config = join(repositoryRoot, isCore ? 'core/tsconfig.json' : 'tsconfig.pure.json')
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => undefined }
  const parsed = ts.getParsedCommandLineOfConfigFile(config, {}, host)
  if (parsed === undefined) throw new Error(`${config} cannot be read`)
  const paths = new Map(editedFiles(edit).map((file) => [join(repositoryRoot, file), file]))
  const compilerHost = ts.createCompilerHost(parsed.options, true)
  const { getSourceFile } = compilerHost
  const unedited =
    pristine.get(config) ?? ts.createProgram(parsed.fileNames, parsed.options, compilerHost)
  pristine.set(config, unedited)
  compilerHost.getSourceFile = (name, ...rest) => {
    const file = paths.get(name)
    if (file === undefined) return unedited.getSourceFile(name) ?? getSourceFile(name, ...rest)
    return ts.createSourceFile(name, editSource(readSource(file), edit, file), rest[0], true)
  }
  const program = ts.createProgram(parsed.fileNames, parsed.options, compilerHost)
  const all: ts.Diagnostic[] = []
  for (const [path, file] of paths) {
    const edited = program.getSourceFile(path)
    if (edited === undefined) throw new Error(`${file} is no part of ${config}`)
    all.push(...program.getSyntacticDiagnostics(edited), ...program.getSemanticDiagnostics(edited))
  }
  return all.map(({ messageText }) => {
    return `${edit.id}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
  })
}
