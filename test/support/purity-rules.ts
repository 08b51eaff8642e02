// What a deterministic folder may not use: clocks, randomness, promises, and whatever differs
// between machines or engines. Works on the syntax tree, so comments and strings are free.

import ts from 'typescript'
import {
  globalsOf,
  importsOf,
  lineOf,
  topFolder,
  walk,
  type Problem,
  type SourceFile
} from './source-files.ts'

export interface PurityOptions {
  /** Folders and packages that may be imported; a file's own folder always may. */
  readonly imports: readonly string[]
}

/** Names of the language or a host that bring in time, chance, concurrency or the outside. */
const bannedNames = new Set([
  ...['Date', 'performance', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'],
  ...['clearTimeout', 'clearInterval', 'clearImmediate', 'requestAnimationFrame'],
  ...['Promise', 'AsyncIterator', 'AsyncGenerator', 'Atomics', 'SharedArrayBuffer'],
  ...['WeakRef', 'FinalizationRegistry', 'Intl', 'crypto', 'fetch'],
  ...['globalThis', 'global', 'window', 'self', 'require', 'module', 'eval', 'Function'],
  ...['process', 'console', 'Buffer']
])

/** What of Math is exact, and so gives the same bits in every engine. */
const exactMath = new Set([
  ...['abs', 'ceil', 'clz32', 'floor', 'fround', 'imul', 'max', 'min', 'round', 'sign', 'sqrt'],
  'trunc'
])

/** Reports every use of something impure in `file`. */
export function purityProblems(file: SourceFile, options: PurityOptions): Problem[] {
  const found: { node: ts.Node; message: string }[] = []
  for (const name of globalsOf(file)) {
    const message = globalProblem(name)
    if (message !== undefined) found.push({ node: name, message })
  }
  walk(file.tree, node => {
    const message = nodeProblem(node)
    if (message !== undefined) found.push({ node, message })
  })
  const problems = found.map(({ node, message }) => {
    return { rule: 'purity', path: file.path, line: lineOf(file, node.getStart()), message }
  })
  return [...problems, ...importProblems(file, options)]
}

function globalProblem(name: ts.Identifier): string | undefined {
  if (bannedNames.has(name.text)) return `uses ${name.text}`
  if (name.text !== 'Math') return undefined
  const parent = name.parent
  if (!ts.isPropertyAccessExpression(parent)) return 'uses Math other than by Math.name'
  return exactMath.has(parent.name.text) ? undefined : `uses Math.${parent.name.text}`
}

function nodeProblem(node: ts.Node): string | undefined {
  switch (node.kind) {
    case ts.SyntaxKind.SourceFile:
      return undefined
    case ts.SyntaxKind.AsteriskAsteriskToken:
    case ts.SyntaxKind.AsteriskAsteriskEqualsToken:
      return 'uses **'
    case ts.SyntaxKind.AsyncKeyword:
      return 'uses async'
    case ts.SyntaxKind.AwaitKeyword:
    case ts.SyntaxKind.AwaitExpression:
      return 'uses await'
    case ts.SyntaxKind.MetaProperty:
      return ts.isMetaProperty(node) && node.name.text === 'meta' ? 'uses import.meta' : undefined
    case ts.SyntaxKind.ImportKeyword:
      return ts.isCallExpression(node.parent) ? 'uses a dynamic import' : undefined
    default:
      return localeProblem(node)
  }
}

/** Methods whose result depends on the locale, called by name or by a literal key. */
function localeProblem(node: ts.Node): string | undefined {
  const isName = ts.isPropertyAccessExpression(node.parent) && node.parent.name === node
  const isKey = ts.isElementAccessExpression(node.parent) && ts.isStringLiteralLike(node)
  const isBinding = ts.isBindingElement(node.parent)
  if (!isName && !isKey && !isBinding) return undefined
  const name = ts.isIdentifier(node) || ts.isStringLiteralLike(node) ? node.text : ''
  return /^(localeCompare|toLocale\w*)$/.test(name) ? `uses ${name}` : undefined
}

function importProblems(file: SourceFile, { imports }: PurityOptions): Problem[] {
  const allowed = new Set([topFolder(file.path), ...imports])
  return importsOf(file).flatMap(({ specifier, target, line }) => {
    const name = target === undefined ? packageName(specifier) : topFolder(target)
    if (allowed.has(name)) return []
    return [{ rule: 'purity', path: file.path, line, message: `imports ${specifier}` }]
  })
}

function packageName(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}
