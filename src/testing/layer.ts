import type { Layer } from '../core/api/layer.ts'
import { MemoryLayer, type MemoryOptions } from '../layers/memory.ts'

/** A layer in memory from which nodes can be cut off. */
export interface TestLayer extends Layer {
  /**
   * Cuts a node off, like a network partition: its calls fail with `ERR_LAYER`, it gets no messages, and
   * after 15 seconds of the layer's clock the other nodes no longer count it.
   */
  cut(node: string): void
  /**
   * Reconnects the node. It does not get the messages that it has missed. A later message that is not kept
   * tells that some were lost.
   */
  restore(node: string): void
}

/**
 * A layer for tests of several nodes that lose each other.
 *
 * @throws TypeError when an option is unknown or of another kind
 * @example const layer = testLayer({ clock }) const [one, two] = [testServer({ layer, clock, node: 'one' }),
 * testServer({ layer, clock, node: 'two' })] layer.cut('two')
 */
export function testLayer(options: MemoryOptions = {}): TestLayer {
  return new MemoryLayer(options)
}
