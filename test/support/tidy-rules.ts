// The form every file of this repository keeps: our own lint, one small function per rule.
// What the compiler already refuses is not repeated here; purity has a file of its own.

import ts from 'typescript'
import {
  globalsOf,
  importsOf,
  isPortable,
  isTest,
  lineOf,
  topFolder,
  walk,
  type Problem,
  type Rule,
  type SourceFile
} from './source-files.ts'

const lineLengthMax = 100
const fileLinesMax = 450
const functionLinesMax = 80

/** Which folders the files of a folder may import from, their own included. */
const layers: Readonly<Record<string, readonly string[]>> = {
  core: ['core'],
  checker: ['checker'],
  storage: ['storage', 'core'],
  transports: ['transports', 'core'],
  client: ['client', 'core', 'transports'],
  sim: ['sim', 'core', 'storage', 'transports', 'client', 'checker'],
  server: ['server', 'core', 'storage', 'transports', 'client'],
  cli: ['cli', 'bench', 'core', 'storage', 'transports', 'client', 'server', 'checker', 'sim'],
  bench: ['bench', 'core', 'storage', 'transports', 'client', 'server', 'checker', 'sim']
}

const hostNames = new Set(['Buffer', 'process', 'console'])

/** Every rule that looks at one file alone, by name. */
export const tidyRules: Readonly<Record<string, Rule>> = {
  'line-length': lines(`is longer than ${lineLengthMax} characters`, line => {
    return line.length > lineLengthMax
  }),
  'white-space': lines('holds a tab, a carriage return or a trailing space', line => {
    return /[\t\r]| $/.test(line)
  }),
  'final-newline': finalNewline,
  'file-length': fileLength,
  'function-length': functionLength,
  'kebab-case': kebabCase,
  'no-any': noAny,
  'todo-owner': todoOwner,
  header,
  'explicit-exports': explicitExports,
  'own-index': ownIndex,
  layers: checkLayers,
  'host-names': hostNamesRule,
  docstring,
  'runs-suites': runsSuites,
  'no-only': noOnly
}

/** Applies one rule per file, or all of them. */
export function tidyProblems(file: SourceFile): Problem[] {
  return Object.values(tidyRules).flatMap(rule => rule(file))
}

/** Finds the cycles among the imports of `files`, types included: one problem for each. */
export function importCycles(files: readonly SourceFile[]): Problem[] {
  const byPath = new Map(files.map(file => [file.path, file]))
  const state = new Map<string, 'open' | 'done'>()
  const trail: string[] = []
  const problems: Problem[] = []
  const enter = (file: SourceFile): void => {
    state.set(file.path, 'open')
    trail.push(file.path)
    for (const { target, line } of importsOf(file)) {
      const next = target === undefined ? undefined : byPath.get(target)
      if (next === undefined) continue
      if (state.get(next.path) === 'open') {
        const cycle = [...trail.slice(trail.indexOf(next.path)), next.path].join(' > ')
        problems.push(problem('cycle', file, line, cycle))
      } else if (!state.has(next.path)) enter(next)
    }
    trail.pop()
    state.set(file.path, 'done')
  }
  for (const file of files) if (!state.has(file.path)) enter(file)
  return problems
}

function problem(rule: string, file: SourceFile, line: number, message: string): Problem {
  return { rule, path: file.path, line, message }
}

function lines(message: string, isBad: (line: string) => boolean): Rule {
  return file =>
    file.text.split('\n').flatMap((line, index) => {
      return isBad(line) ? [problem('line', file, index + 1, message)] : []
    })
}

function finalNewline(file: SourceFile): Problem[] {
  if (/[^\n]\n$/.test(file.text)) return []
  return [problem('final-newline', file, 1, 'does not end with exactly one newline')]
}

function fileLength(file: SourceFile): Problem[] {
  const linesCount = file.text.split('\n').length - 1
  if (isTest(file) || linesCount <= fileLinesMax) return []
  return [problem('file-length', file, linesCount, `has ${linesCount} lines, not ${fileLinesMax}`)]
}

function functionLength(file: SourceFile): Problem[] {
  const problems: Problem[] = []
  if (isTest(file)) return problems
  walk(file.tree, node => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return
    const first = lineOf(file, node.getStart())
    const linesCount = lineOf(file, node.end) - first + 1
    if (linesCount <= functionLinesMax) return
    problems.push(problem('function-length', file, first, `is a function of ${linesCount} lines`))
  })
  return problems
}

function kebabCase(file: SourceFile): Problem[] {
  const word = '[a-z0-9]+(-[a-z0-9]+)*'
  const path = new RegExp(`^(${word}/)*${word}(\\.test|\\.d)?\\.(ts|js)$`)
  return path.test(file.path) ? [] : [problem('kebab-case', file, 1, 'is not named in kebab-case')]
}

function noAny(file: SourceFile): Problem[] {
  const problems: Problem[] = []
  walk(file.tree, node => {
    if (node.kind !== ts.SyntaxKind.AnyKeyword) return
    problems.push(problem('no-any', file, lineOf(file, node.getStart()), 'says any'))
  })
  return problems
}

function todoOwner(file: SourceFile): Problem[] {
  return commentsOf(file).flatMap(({ pos, end }) => {
    if (!/\b(TODO|FIXME|XXX)\b(?!\([a-z][\w-]*\))/.test(file.text.slice(pos, end))) return []
    return [problem('todo-owner', file, lineOf(file, pos), 'wants its owner: TODO(name)')]
  })
}

/** Lists the comments around every token: what looks like one within a string is none. */
function commentsOf(file: SourceFile): ts.TextRange[] {
  const comments = new Map<number, ts.TextRange>()
  const visit = (node: ts.Node): void => {
    const leading = ts.getLeadingCommentRanges(file.text, node.getFullStart()) ?? []
    const trailing = ts.getTrailingCommentRanges(file.text, node.end) ?? []
    for (const range of [...leading, ...trailing]) comments.set(range.pos, range)
    node.getChildren(file.tree).forEach(visit)
  }
  visit(file.tree)
  return [...comments.values()]
}

function header(file: SourceFile): Problem[] {
  if (isTest(file) && !file.path.startsWith('test/support/')) return []
  if (/^(#!.*\n\n?)?(\/\/ |\/\*\*)/.test(file.text)) return []
  return [problem('header', file, 1, 'does not begin with a comment on what it owns')]
}

function explicitExports(file: SourceFile): Problem[] {
  return file.tree.statements.flatMap(statement => {
    const star = ts.isExportDeclaration(statement) && statement.exportClause === undefined
    const isDefault =
      ts.isExportAssignment(statement) || modifiersOf(statement).has(ts.SyntaxKind.DefaultKeyword)
    if (!star && !isDefault) return []
    const line = lineOf(file, statement.getStart())
    return [problem('explicit-exports', file, line, 'exports * or a default: name each export')]
  })
}

function modifiersOf(node: ts.Node): ReadonlySet<ts.SyntaxKind> {
  const modifiers = ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []) : []
  return new Set(modifiers.map(modifier => modifier.kind))
}

function ownIndex(file: SourceFile): Problem[] {
  return importsOf(file).flatMap(({ target, line }) => {
    if (target === undefined || !target.endsWith('/index.ts')) return []
    if (!file.path.startsWith(target.slice(0, -'index.ts'.length))) return []
    return [problem('own-index', file, line, 'imports from the index of its own folder')]
  })
}

function checkLayers(file: SourceFile): Problem[] {
  const allowed = layers[topFolder(file.path)]
  if (allowed === undefined) return []
  return importsOf(file).flatMap(({ specifier, target, line }) => {
    if (target === undefined || allowed.includes(topFolder(target))) return []
    return [problem('layers', file, line, `may not import ${specifier}`)]
  })
}

function hostNamesRule(file: SourceFile): Problem[] {
  if (!isPortable(file.path)) return []
  const names = globalsOf(file).filter(name => hostNames.has(name.text))
  const modules = importsOf(file).filter(({ specifier }) => specifier.startsWith('node:'))
  return [
    ...names.map(name => problem('host-names', file, lineOf(file, name.pos), `uses ${name.text}`)),
    ...modules.map(link => problem('host-names', file, link.line, `imports ${link.specifier}`))
  ]
}

function docstring(file: SourceFile): Problem[] {
  if (topFolder(file.path) !== 'core') return []
  return file.tree.statements.flatMap(statement => {
    if (!modifiersOf(statement).has(ts.SyntaxKind.ExportKeyword)) return []
    const documented = ts.getJSDocCommentsAndTags(statement).some(ts.isJSDoc)
    if (documented || isLaterOverload(statement)) return []
    const line = lineOf(file, statement.getStart())
    return [problem('docstring', file, line, 'is exported and has no docstring')]
  })
}

function isLaterOverload(statement: ts.Statement): boolean {
  if (!ts.isFunctionDeclaration(statement)) return false
  const siblings = (statement.parent as ts.SourceFile).statements
  return siblings.some(other => {
    const sameName =
      ts.isFunctionDeclaration(other) && other.name?.text === statement.name?.text
    return sameName && other.pos < statement.pos
  })
}

/** Every `const test = suite(...)` of a test file is run by a `test.run()` at its top level. */
function runsSuites(file: SourceFile): Problem[] {
  if (!file.path.endsWith('.test.ts')) return []
  const suites = new Map<string, number>()
  const run = new Set<string>()
  for (const statement of file.tree.statements) {
    if (ts.isVariableStatement(statement)) {
      for (const { name, initializer } of statement.declarationList.declarations) {
        if (initializer === undefined || !ts.isCallExpression(initializer)) continue
        if (initializer.expression.getText() !== 'suite') continue
        suites.set(name.getText(), lineOf(file, statement.getStart()))
      }
    } else if (ts.isExpressionStatement(statement)) {
      const found = /^(\w+)\.run\(\)$/.exec(statement.getText())
      if (found?.[1] !== undefined) run.add(found[1])
    }
  }
  if (suites.size === 0) return [problem('runs-suites', file, 1, 'has no suite')]
  return [...suites].flatMap(([name, line]) => {
    return run.has(name) ? [] : [problem('runs-suites', file, line, `never calls ${name}.run()`)]
  })
}

function noOnly(file: SourceFile): Problem[] {
  const problems: Problem[] = []
  if (!file.path.endsWith('.test.ts')) return problems
  walk(file.tree, node => {
    if (!ts.isPropertyAccessExpression(node) || node.name.text !== 'only') return
    problems.push(problem('no-only', file, lineOf(file, node.name.getStart()), 'uses .only'))
  })
  return problems
}
