// What the benchmark asks a peer about its own process: a line of stdin, answered by a line of JSON on stdout. A line is
// a word, with a number behind it where it takes one. What each word means is told where it is asked: ../server.ts.
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import v8 from 'node:v8'

const answers: Readonly<Record<string, (argument: number) => object | Promise<object>>> = {
  collect,
  count: startCounting,
  counted: stopCounting,
}

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
  const heapBytes = v8.getHeapStatistics().used_heap_size
  await wait(settleSeconds * 1_000)
  return { heapBytes }
}

interface Count {
  readonly profiler: v8.GCProfiler
  readonly usedBytes: number
}

let count: Count | null = null

function startCounting(): object {
  const profiler = new v8.GCProfiler()
  profiler.start()
  count = { profiler, usedBytes: v8.getHeapStatistics().used_heap_size }
  return {}
}

/** What was allocated between two collections is what the heap holds before the second more than after the first. */
function stopCounting(): object {
  if (count === null) throw new Error('`counted` was asked before `count`')
  const usedAtEnd = v8.getHeapStatistics().used_heap_size
  const { statistics } = count.profiler.stop()
  let allocatedBytes = 0
  let used = count.usedBytes
  for (const { beforeGC, afterGC } of statistics) {
    allocatedBytes += beforeGC.heapStatistics.usedHeapSize - used
    used = afterGC.heapStatistics.usedHeapSize
  }
  count = null
  return { allocatedBytes: allocatedBytes + usedAtEnd - used, collections: statistics.length }
}
