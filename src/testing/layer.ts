import type { Layer } from '../core/api/layer.ts'
import { MemoryLayer, type MemoryOptions } from '../layers/memory.ts'

/** A layer in memory from which nodes can be cut off. */
export interface TestLayer extends Layer {
  /**
   * Cuts a node off, as a network that is split does: its calls fail with `ERR_LAYER`, it hears nothing, and after 15 seconds of
   * the layer's clock the other nodes count it no more.
   */
  cut(node: string): void
  /** Lets the node back. It is told of nothing that it has missed: a later message that is not kept says that some were lost. */
  restore(node: string): void
}

/**
 * A layer for tests of what several nodes do when one of them loses the others.
 *
 * @throws TypeError when an option is unknown or of another kind
 * @example
 * const layer = testLayer({ clock })
 * const [one, two] = [testServer({ layer, clock, node: 'one' }), testServer({ layer, clock, node: 'two' })]
 * layer.cut('two')
 */
export function testLayer(options: MemoryOptions = {}): TestLayer {
  return new MemoryLayer(options)
}
