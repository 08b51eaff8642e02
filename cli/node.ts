// `lockstep node`: runs one node of a cluster until it is told to stop.

import { readFileSync } from 'node:fs'
import { startNode } from '../server/node.ts'
import type { NodeEnd, RunningNode } from '../server/node.ts'
import { NODE_OPTIONS, OptionsError, readNodeOptions } from '../server/options.ts'
import type { NodeOptions } from '../server/options.ts'
import { StartError } from '../server/start-error.ts'
import type { Screen } from './screen.ts'
import { EXIT, UsageError } from './verb.ts'
import type { Given, OptionSpec, Verb } from './verb.ts'

export const nodeCommand: Verb = {
  name: 'node',
  usage: '[options]',
  summary: 'run one node of a cluster',
  options: NODE_OPTIONS.map(optionSpec),
  takesPositionals: false,
  examples: [
    { line: 'node', what: 'a cluster of one, for a look' },
    {
      line: 'node --id node1 --peers node2:host2:9001,node3:host3:9001',
      what: 'one of three; the others likewise',
    },
  ],
  run,
}

function optionSpec({ name, variable, value, fallback, help }: (typeof NODE_OPTIONS)[number]) {
  const known = fallback === null ? variable : `${variable}; default ${fallback}`
  const spec: OptionSpec = { name, help: `${help} (${known})` }
  return value === null ? spec : { ...spec, value }
}

async function run(given: Given, screen: Screen): Promise<number> {
  const options = optionsOf(given)
  try {
    const node = await startNode(options)
    const end = await untilStopped(node)
    if (end.type === 'failed') throw end.error
    return EXIT.ok
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    screen.complain(`lockstep: ${error.message}`)
    return error.isUsage ? EXIT.usage : EXIT.violation
  }
}

function optionsOf({ values }: Given): NodeOptions {
  const readFile = (path: string): string => readFileSync(path, 'utf8')
  try {
    return readNodeOptions({ flags: values, environment: process.env, readFile })
  } catch (error) {
    if (error instanceof OptionsError) throw new UsageError(error.problems.join('\nlockstep: '))
    throw error
  }
}

/** The first signal stops the node in good order, the second at once. */
function untilStopped(node: RunningNode): Promise<NodeEnd> {
  let signals = 0
  const stop = (): void => {
    signals += 1
    if (signals > 1) process.exit(EXIT.interrupted)
    void node.stop()
  }
  process.on('SIGTERM', stop).on('SIGINT', stop)
  // Whoever started it with a channel and is gone does not want it any more.
  process.on('disconnect', stop)
  process.channel?.unref()
  return node.stopped
}
