// What the benchmark asks a peer about its own process: a line of stdin, answered by a line of JSON on stdout. A line is
// a word, with a number behind it where it takes one. What each word means is told where it is asked: ../server.ts.
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import v8 from 'node:v8'
import { AllocationCount } from './allocation-count.ts'

const answers: Readonly<Record<string, (argument: number) => object | Promise<object>>> = {
  collect,
  count: startCounting,
  counted: stopCounting,
}
let count: AllocationCount | null = null

/** Answers questions until stdin ends, and ends the process then. */
export function answerQuestions(): void {
  createInterface({ input: process.stdin })
    .on('line', (line) => void answer(line))
    .on('close', () => process.exit(0))
}

async function answer(line: string): Promise<void> {
  const [word = '', argument] = line.split(' ')
  console.log(JSON.stringify((await answers[word]?.(Number(argument))) ?? { unknown: word }))
}

/** Two collections, because the first may only find what the second can free; then time to hand memory back. */
async function collect(settleSeconds: number): Promise<object> {
  globalThis.gc?.()
  await wait(settleSeconds * 1_000)
  globalThis.gc?.()
  const heapBytes = bytesOfObjects()
  await wait(settleSeconds * 1_000)
  return { heapBytes }
}

/**
 * The objects of both generations. Code and large objects are not in it: the source of Node's type stripper, 3 MB, is freed
 * at some moment that has nothing to do with connections.
 */
function bytesOfObjects(): number {
  let bytes = 0
  for (const { space_name: name, space_used_size: used } of v8.getHeapSpaceStatistics())
    if (name === 'old_space' || name === 'new_space') bytes += used
  return bytes
}

function startCounting(): object {
  count = new AllocationCount()
  return {}
}

function stopCounting(): object {
  if (count === null) throw new Error('`counted` was asked before `count`')
  const counted = count.stop()
  count = null
  return counted
}
