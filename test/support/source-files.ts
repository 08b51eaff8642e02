// Reads and parses the sources of this repository for the tests that check their form.
// Knows no rule.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

export interface SourceFile {
  /** Path from the root of the repository, with / as separator. */
  readonly path: string
  readonly text: string
  readonly tree: ts.SourceFile
}

export interface Problem {
  readonly rule: string
  readonly path: string
  readonly line: number
  readonly message: string
}

/** One check of one file. */
export type Rule = (file: SourceFile) => Problem[]

export const repositoryRoot: string = join(dirname(fileURLToPath(import.meta.url)), '../..')

/** The folders whose code must run anywhere: in Node, in a browser, in a worker. */
export const portableFolders: readonly string[] = [
  'core',
  'checker',
  'storage',
  'transports',
  'client',
  'sim'
]

export const sourceFolders: readonly string[] = [...portableFolders, 'server', 'cli', 'bench']

const otherFolders: readonly string[] = ['examples', 'scripts', 'test', 'test-system']

/** Parses one file. Tests feed it bad snippets under made-up paths. */
export function parseSource(path: string, text: string): SourceFile {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true)
  return { path, text, tree }
}

/** Reads every .ts and .js file of the repository, sorted by path. */
export function readRepository(): SourceFile[] {
  const paths = [...sourceFolders, ...otherFolders].flatMap(listCode).sort()
  const read = (path: string): string => readFileSync(join(repositoryRoot, path), 'utf8')
  return paths.map(path => parseSource(path, read(path)))
}

function listCode(folder: string): string[] {
  try {
    const names = readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: 'utf8' })
    return names
      .map(name => `${folder}/${name.replaceAll('\\', '/')}`)
      .filter(path => /\.(ts|js)$/.test(path) && !path.includes('/node_modules/'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Whether a file must run anywhere: what needs Node is in folders `node`, or names them all. */
export function isPortable(path: string): boolean {
  const needsNode = /^\w+\/node\/|^client\/index\.ts$/.test(path)
  return portableFolders.includes(topFolder(path)) && !needsNode
}

export function topFolder(path: string): string {
  return path.split('/')[0] ?? ''
}

export function isTest(file: SourceFile): boolean {
  return /^test(-system)?\//.test(file.path)
}

export function lineOf(file: SourceFile, position: number): number {
  return file.tree.getLineAndCharacterOfPosition(position).line + 1
}

/** Calls `visit` for every node below `node`, itself included. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node)
  ts.forEachChild(node, child => walk(child, visit))
}

export interface ImportLink {
  readonly specifier: string
  /** Path of the imported file; undefined for a package or a module of Node. */
  readonly target: string | undefined
  readonly line: number
}

/** Lists what a file imports and re-exports, types too; dynamic imports are not among them. */
export function importsOf(file: SourceFile): ImportLink[] {
  return file.tree.statements.flatMap(statement => {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) return []
    const module = statement.moduleSpecifier
    if (module === undefined || !ts.isStringLiteral(module)) return []
    const specifier = module.text
    const folder = dirname(file.path)
    const target = specifier.startsWith('.')
      ? normalize(join(folder, specifier)).replaceAll('\\', '/')
      : undefined
    return [{ specifier, target, line: lineOf(file, statement.getStart()) }]
  })
}

/**
 * Lists the uses of names that the file does not declare itself: globals of the language or the
 * host. Property names and keys are no uses.
 */
export function globalsOf(file: SourceFile): ts.Identifier[] {
  const declared = new Set<string>()
  const used: ts.Identifier[] = []
  walk(file.tree, node => {
    if (!ts.isIdentifier(node)) return
    if (isDeclarationName(node)) declared.add(node.text)
    else if (!isPropertyName(node)) used.push(node)
  })
  return used.filter(identifier => !declared.has(identifier.text))
}

function isDeclarationName(node: ts.Identifier): boolean {
  const parent = node.parent
  return (
    (ts.isVariableDeclaration(parent) ||
      ts.isParameter(parent) ||
      ts.isBindingElement(parent) ||
      ts.isFunctionDeclaration(parent) ||
      ts.isFunctionExpression(parent) ||
      ts.isClassDeclaration(parent) ||
      ts.isInterfaceDeclaration(parent) ||
      ts.isTypeAliasDeclaration(parent) ||
      ts.isTypeParameterDeclaration(parent) ||
      ts.isImportSpecifier(parent) ||
      ts.isImportClause(parent) ||
      ts.isNamespaceImport(parent)) &&
    parent.name === node
  )
}

function isPropertyName(node: ts.Identifier): boolean {
  const parent = node.parent
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node
  if (ts.isQualifiedName(parent)) return parent.right === node
  if (ts.isBindingElement(parent)) return parent.propertyName === node
  if (ts.isExportSpecifier(parent) || ts.isImportSpecifier(parent)) return true
  if (ts.isShorthandPropertyAssignment(parent)) return false
  if (ts.isLabeledStatement(parent)) return true
  const isMember =
    ts.isPropertyAssignment(parent) || ts.isNamedTupleMember(parent) || ts.isClassElement(parent)
  return (isMember || ts.isTypeElement(parent)) && parent.name === node
}
