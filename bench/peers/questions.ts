// What the benchmark asks a peer about its own process: a word on a line of stdin, answered by a line of JSON on
// stdout. What each word means is told where it is asked: ../server.ts.
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import v8 from 'node:v8'

const settleMs = 300

const answers: Readonly<Record<string, () => object | Promise<object>>> = {
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

async function answer(word: string): Promise<void> {
  console.log(JSON.stringify((await answers[word]?.()) ?? { unknown: word }))
}

/** Two collections, because the first may only find what the second can free; then time to hand memory back. */
async function collect(): Promise<object> {
  globalThis.gc?.()
  await wait(settleMs)
  globalThis.gc?.()
  const heapBytes = v8.getHeapStatistics().used_heap_size
  await wait(settleMs)
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
