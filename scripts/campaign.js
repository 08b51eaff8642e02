// The campaign of CI: replays every capsule that was ever kept, then runs fresh seeds that the
// commit itself decides, so that each commit is tried on worlds that none before it has seen.
//
//   node scripts/campaign.js [COUNT]     COUNT fresh seeds, 1000 when left out

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

const CAPSULES = 'test/capsules'
const COUNT_DEFAULT = 1_000

/** Runs the command line in this process' place; its exit code. */
function lockstep(...args) {
  return spawnSync(process.execPath, ['cli/lockstep.js', ...args], { stdio: 'inherit' }).status ?? 1
}

const count = Number(process.argv[2] ?? COUNT_DEFAULT)
if (!Number.isSafeInteger(count) || count < 1) {
  console.error(`campaign: ${process.argv[2]} is no number of seeds`)
  process.exit(2)
}
const capsules = existsSync(CAPSULES)
  ? readdirSync(CAPSULES).filter((name) => name.endsWith('.json')).sort()
  : []
const kept = capsules.map((name) => join(CAPSULES, name))
const replayed = kept.length === 0 ? 0 : lockstep('replay', ...kept)

const commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim()
const first = Number.parseInt(commit.slice(0, 12), 16)
console.log(`${kept.length} kept capsules; ${count} fresh seeds of commit ${commit.slice(0, 12)}`)
const ran = lockstep('sim', '--seeds', `${first}..${first + count - 1}`)
process.exit(replayed !== 0 ? replayed : ran)
