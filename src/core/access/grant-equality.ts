/**
 * Whether two grants are equal: JSON, dates, sets, maps, and rows of a class are compared by their content. A
 * value whose content cannot be seen, such as a function, a private field or a cycle, equals only itself: a
 * change that is overlooked would leave a peer in a room that it may not enter any more.
 *
 * @example isSameGrant({ panels: new Set(['sales']) }, { panels: new Set() }) // false
 */
export function isSameGrant(one: unknown, other: unknown, above: readonly object[] = []): boolean {
  if (Object.is(one, other)) return true
  if (!isObject(one) || !isObject(other) || above.includes(one)) return false
  if (Object.getPrototypeOf(one) !== Object.getPrototypeOf(other)) return false
  const [parts, others] = [partsOf(one), partsOf(other)]
  if (parts === null || others === null || parts.length !== others.length) return false
  const path = [...above, one]
  return parts.every((part, index) => isSameGrant(part, others[index], path))
}

/** The content of an object, in order; `null` when it cannot be seen. */
function partsOf(value: object): readonly unknown[] | null {
  if (value instanceof Date) return [value.getTime()]
  if (value instanceof Set || value instanceof Map) return [...value]
  const parts = Object.entries(value).flat()
  return parts.length > 0 || isPlain(value) ? parts : null
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return Array.isArray(value) || prototype === Object.prototype || prototype === null
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
