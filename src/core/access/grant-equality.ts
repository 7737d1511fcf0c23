/**
 * Whether two grants say the same: JSON, dates, sets, maps, and rows of a class by what is in them. What cannot be looked
 * into, such as functions, private fields and cycles, is the same only as itself, because a change that was overlooked
 * would leave somebody where they may no longer be.
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

/** What is in an object, in order; `null` when nothing of it can be seen. */
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
