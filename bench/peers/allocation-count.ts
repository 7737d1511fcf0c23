import v8 from 'node:v8'

/**
 * Counts the bytes that this process allocates in its JavaScript heap, from its making until `stop()`. What was allocated
 * between two collections is what the heap holds before the second more than after the first.
 */
export class AllocationCount {
  readonly #profiler = new v8.GCProfiler()
  readonly #usedAtStart: number

  constructor() {
    this.#profiler.start()
    this.#usedAtStart = usedBytes()
  }

  /** Ends the count. */
  stop(): { readonly allocatedBytes: number; readonly collections: number } {
    const usedAtEnd = usedBytes()
    const { statistics } = this.#profiler.stop()
    let allocatedBytes = 0
    let used = this.#usedAtStart
    for (const { beforeGC, afterGC } of statistics) {
      allocatedBytes += beforeGC.heapStatistics.usedHeapSize - used
      used = afterGC.heapStatistics.usedHeapSize
    }
    return { allocatedBytes: allocatedBytes + usedAtEnd - used, collections: statistics.length }
  }
}

/** What the JavaScript heap holds. */
export function usedBytes(): number {
  return v8.getHeapStatistics().used_heap_size
}
