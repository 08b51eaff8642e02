// Reads Dockerfile, compose file, StatefulSet and systemd unit for what they start: the very words
// and variables. Each node gets a loopback address of its own, on which its ports are free.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { repositoryRoot } from './source-files.ts'

/** What a deployment starts for one node. */
export interface Service {
  readonly name: string
  readonly words: readonly string[]
  readonly environment: Readonly<Record<string, string>>
}

function read(path: string): string {
  return readFileSync(join(repositoryRoot, path), 'utf8')
}

/** The last stage of the Dockerfile. */
export interface Image {
  readonly entrypoint: readonly string[]
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly user: string
}

export function imageOf(dockerfile: string = read('Dockerfile')): Image {
  const lines = dockerfile.replaceAll('\\\n', ' ').split('\n')
  const stage = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')))
  const of = (word: string): string[] =>
    stage.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1))
  return {
    entrypoint: JSON.parse(of('ENTRYPOINT')[0] as string) as string[],
    command: JSON.parse(of('CMD')[0] as string) as string[],
    environment: Object.fromEntries(of('ENV').map((line) => line.split(/=(.*)/s).slice(0, 2))),
    user: of('USER').at(-1) ?? 'root',
  }
}

interface ComposeService {
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
}

/** The services of docker-compose.yml, as they are written. */
export function composeServices(): Readonly<Record<string, ComposeService>> {
  const file = parse(read('docker-compose.yml'), { merge: true }) as {
    services: Record<string, ComposeService>
  }
  return file.services
}

export function composeNodes(): readonly Service[] {
  const image = imageOf()
  return Object.entries(composeServices()).map(([name, { command, environment }]) => ({
    name,
    words: [...image.entrypoint, ...(command ?? image.command)],
    environment: { ...image.environment, ...environment },
  }))
}

interface KubernetesObject {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: Readonly<Record<string, unknown>>
}

interface Variable {
  readonly name: string
  readonly value?: string
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } }
}

interface Container {
  readonly command: readonly string[]
  readonly env: readonly Variable[]
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly [probe: `${string}Probe`]: { readonly httpGet: { path: string; scheme: string } }
}

export function kubernetesObjects(): readonly KubernetesObject[] {
  const documents = parseAllDocuments(read('deploy/kubernetes.yaml'))
  return documents.map((one) => {
    for (const error of one.errors) throw error
    return one.toJS() as KubernetesObject
  })
}

export function statefulSet(): {
  readonly name: string
  readonly replicas: number
  readonly container: Container
} {
  const set = kubernetesObjects().find(({ kind }) => kind === 'StatefulSet')
  const { replicas, template } = set?.spec as {
    replicas: number
    template: { spec: { containers: Container[] } }
  }
  const [container] = template.spec.containers
  return { name: set?.metadata.name ?? '', replicas, container: container as Container }
}

/** The pods of the StatefulSet. */
export function kubernetesNodes(): readonly Service[] {
  const { name: base, replicas, container } = statefulSet()
  return Array.from({ length: replicas }, (_, at) => {
    const name = `${base}-${at}`
    const environment: Record<string, string> = { ...imageOf().environment }
    for (const variable of container.env) {
      const value = variable.valueFrom === undefined ? variable.value : name
      environment[variable.name] = (value ?? '').replaceAll(/\$\((\w+)\)/g, (_all, other) => {
        return environment[other as string] ?? ''
      })
    }
    return { name, words: container.command, environment }
  })
}

/** The systemd unit, with nothing in its EnvironmentFile. */
export function systemdNode(): Service {
  const lines = read('deploy/lockstep.service').split('\n')
  const of = (name: string): string[] =>
    lines.filter((line) => line.startsWith(`${name}=`)).map((line) => line.slice(name.length + 1))
  const pairs = of('Environment').map((line) => line.split(/=(.*)/s).slice(0, 2))
  return {
    name: 'lockstep',
    words: (of('ExecStart')[0] as string).split(' '),
    environment: Object.fromEntries(pairs) as Record<string, string>,
  }
}
