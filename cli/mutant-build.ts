// Builds mutants: copies of the compiled program in which a file or two are compiled from edited
// sources. They lie under node_modules/.cache of the checkout, so that their packages resolve.

import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Mutant, SourceEdit } from '../sim/mutants/mutant.ts'
import { UsageError } from './verb.ts'

/** An unmutated copy of the program. */
export interface Original {
  readonly folder: string
  /** Seeds on which it was seen to be ok, and need not be seen again: a run is always the same. */
  readonly soundSeeds: Set<number>
}

/** Where copies of the program are made. */
export interface Workshop {
  readonly original: Original
  /** Makes a mutant's copy and answers its folder. */
  build(edit: Edit): string
  /** Removes everything. */
  close(): void
}

/** What is different in a copy. */
export type Edit = Pick<Mutant, 'id' | 'file' | 'find' | 'replace' | 'also'>

const CACHE = 'node_modules/.cache/lockstep-mutants'

/** Counts how often `find` occurs in `text`. */
export function occurrencesCount(text: string, find: string): number {
  return text.split(find).length - 1
}

/** The files that an edit changes, each once. */
export function editedFiles({ file, also = [] }: Edit): readonly string[] {
  return [...new Set([file, ...also.map((one) => one.file)])]
}

/** The edited source of `path`. Throws when an edit does not fit exactly once. */
export function editSource(text: string, edit: Edit, path: string = edit.file): string {
  let edited = text
  for (const one of [edit, ...(edit.also ?? [])]) {
    if (one.file === path) edited = editOnce(edited, edit.id, one)
  }
  return edited
}

function editOnce(text: string, id: string, { file, find, replace }: SourceEdit): string {
  const count = occurrencesCount(text, find)
  if (count === 1) return text.split(find).join(replace)
  throw new UsageError(`${id}: its find occurs ${count} times in ${file}, not once`)
}

/** The folder of this checkout. Throws when this is an installed package or was not installed. */
export function checkoutFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) {
    folder = dirname(folder)
  }
  const needs = ['sim/mutants.ts', 'core/raft/raft.ts', 'node_modules/typescript/package.json']
  if (needs.some((file) => !existsSync(join(folder, file)))) {
    throw new UsageError(
      'mutants needs a checkout of lockstep with its sources, after `npm ci`: ' +
        'an installed package has neither the sources nor typescript',
    )
  }
  return folder
}

/** Opens a workshop with a copy of what was built last. */
export async function openWorkshop(root: string): Promise<Workshop> {
  const transpile = await loadTranspiler()
  removeAbandoned(join(root, CACHE))
  const folder = join(root, CACHE, String(process.pid))
  rmSync(folder, { recursive: true, force: true })
  const original: Original = { folder: join(folder, 'original'), soundSeeds: new Set() }
  cpSync(join(root, 'dist'), original.folder, {
    recursive: true,
    filter: (path) => !/\.d\.ts$|\.tsbuildinfo$|\.stamp$/.test(path),
  })
  // Node takes .js files for modules only when a package.json says so.
  writeFileSync(join(original.folder, 'package.json'), '{ "type": "module" }\n')
  const close = (): void => rmSync(folder, { recursive: true, force: true })
  process.once('exit', close)
  return {
    original,
    build: (edit) => {
      const copy = join(folder, edit.id)
      rmSync(copy, { recursive: true, force: true })
      cpSync(original.folder, copy, { recursive: true })
      for (const file of editedFiles(edit)) {
        const source = readFileSync(join(root, file), 'utf8')
        const output = file.replace(/\.ts$/, '.js')
        // What is not edited must be what was built: then the edit is all the difference.
        if (transpile(source) !== readFileSync(join(original.folder, output), 'utf8')) {
          throw new UsageError(`dist/${output} was not built from ${file}: run npm run build`)
        }
        writeFileSync(join(copy, output), transpile(editSource(source, edit, file)))
      }
      return copy
    },
    close: () => {
      process.removeListener('exit', close)
      close()
    },
  }
}

/** Loads the compiler and answers what compiles one file as the build does. */
export async function loadTranspiler(): Promise<(source: string) => string> {
  const { default: ts } = await import('typescript')
  const compilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true,
  }
  return (source) => ts.transpileModule(source, { compilerOptions }).outputText
}

/** Removes what processes left behind that are no more. */
function removeAbandoned(cache: string): void {
  mkdirSync(cache, { recursive: true })
  for (const name of readdirSync(cache)) {
    if (!isRunning(Number(name))) rmSync(join(cache, name), { recursive: true, force: true })
  }
}

function isRunning(processId: number): boolean {
  try {
    process.kill(processId, 0)
    return true
  } catch {
    return false
  }
}
