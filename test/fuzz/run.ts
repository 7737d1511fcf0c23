// npm run fuzz -- --tokens 1000000 --handshakes 1000000 --sockets 10000: the stories of the tests in this folder, for as long as
// one likes. The seed is printed; `--seed S --from N --tokens 1` tells one story again.
import { parseArgs } from 'node:util'
import { type Campaign, campaign, type Findings } from './campaign.ts'
import { frameCampaign } from './frames.ts'
import { handshakeCampaign } from './handshakes.ts'
import { socketCampaign } from './sockets.ts'
import { tokenCampaign } from './token-verdicts.ts'

const campaigns: Readonly<Record<string, (seed: number) => Promise<Campaign>>> = {
  tokens: tokenCampaign,
  handshakes: handshakeCampaign,
  sockets: socketCampaign,
  frames: frameCampaign,
}

const usage = `npm run fuzz -- [options]

  --tokens N         so many stories of tokens
  --handshakes N     so many of handshakes
  --sockets N        so many of sockets
  --frames N         so many of frames
  --seed S           tells the same stories again; random when left out, and printed
  --from N           begins with this story of the seed; 0
  --help             this text`

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    from: { type: 'string', default: '0' },
    ...Object.fromEntries(Object.keys(campaigns).map((name) => [name, { type: 'string' as const }])),
  },
})
const kinds = Object.keys(campaigns)
if (values.help || kinds.every((name) => Reflect.get(values, name) === undefined)) {
  console.log(usage)
  process.exit(values.help ? 0 : 1)
}
const [seed, from] = [whole('seed', values.seed), whole('from', values.from)]
const asked: Readonly<Record<string, unknown>> = values
let failed = false

// a fault without a handler is what is looked for, too
for (const event of ['uncaughtException', 'unhandledRejection'] as const)
  process.on(event, (error: unknown) => {
    failed = true
    console.error(`${event}:`, error)
  })

for (const [name, begin] of Object.entries(campaigns)) {
  if (asked[name] === undefined) continue
  const runs = whole(name, asked[name])
  console.log(`${name}: ${runs} stories, seed ${seed}, from ${from}`)
  const findings = await campaign(await begin(seed), { from, runs, progress: everyFiveSeconds(name, runs) })
  report(name, findings)
  failed ||= findings.found.length > 0
}
process.exitCode = failed ? 1 : 0

function whole(name: string, value: unknown): number {
  const number = Number(value)
  if (Number.isSafeInteger(number) && number >= 0) return number
  throw new Error(`--${name} is a whole number, not '${String(value)}'`)
}

function everyFiveSeconds(name: string, runs: number): (told: number) => void {
  let last = performance.now()
  return (told) => {
    if (performance.now() - last < 5_000) return
    last = performance.now()
    console.error(`  ${name}: ${told} of ${runs}`)
  }
}

function report(name: string, { runs, seconds, outcomes, found }: Findings): void {
  console.log(
    `${name}: ${runs} in ${seconds.toFixed(1)} s, ${Math.round(runs / seconds)} a second, ${found.length} found`,
  )
  for (const [outcome, count] of [...outcomes].sort(([, one], [, other]) => other - one))
    console.log(`  ${String(count).padStart(9)}  ${outcome}`)
  for (const one of found) console.log(`  FOUND ${one}`)
}
