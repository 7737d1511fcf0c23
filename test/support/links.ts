import type { Health, Layer, Link } from '../../src/core/api/layer.ts'

/** Joins a layer as one more node, which obeys no order. */
export function linkOf(layer: Layer, node: string, health: (now: Health) => void = () => {}): Promise<Link> {
  return layer.connect(node, { health })
}

/** The same layer, with some methods of its links in other words. */
export function changedLinks(layer: Layer, change: (link: Link, node: string) => Partial<Link>): Layer {
  return {
    connect: async (node, hooks) => {
      const link = await layer.connect(node, hooks)
      return {
        publish: (topic, pack, keep) => link.publish(topic, pack, keep),
        subscribe: (topic, hear) => link.subscribe(topic, hear),
        range: (topic, rules, after) => link.range(topic, rules, after),
        put: (key, value, ttlMs) => link.put(key, value, ttlMs),
        take: (key) => link.take(key),
        claim: (key, owner, ttlMs) => link.claim(key, owner, ttlMs),
        close: () => link.close(),
        ...change(link, node),
      }
    },
  }
}
