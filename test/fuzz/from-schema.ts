import fc from 'fast-check'
import { z } from 'zod'
import { isRecord } from '../../src/wire/json.ts'

/** No backslash: keys with one are refused whatever the schema says, and have tests of their own. */
const unit = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 1 }).filter((char) => char !== '\\')
const anything = (maxDepth: number): fc.Arbitrary<unknown> => fc.jsonValue({ maxDepth, stringUnit: unit })

/** Values that a schema takes, as they travel: derived from its JSON Schema, not written by hand. */
export function fitting(schema: z.ZodType): fc.Arbitrary<unknown> {
  return valuesOf(z.toJSONSchema(schema, { io: 'input' }))
    .map(travelled)
    .filter((value) => schema.safeParse(value).success && isPlain(value))
}

/** Values that it does not take: a fitting one with a member changed, taken out or put in, or something else altogether. */
export function against(schema: z.ZodType): fc.Arbitrary<unknown> {
  const broken = fc
    .tuple(fitting(schema), fc.string({ unit }), anything(2), fc.nat())
    .map(([value, name, odd, at]) => {
      if (!isRecord(value)) return odd
      const names = Object.keys(value)
      const one = names[at % Math.max(1, names.length)] ?? name
      const { [one]: _, ...rest } = value
      return [{ ...value, [one]: odd }, rest, { ...value, [name]: odd }, { ...value, [one]: [value[one]] }][
        at % 4
      ]
    })
  return fc
    .oneof({ weight: 4, arbitrary: broken }, anything(3))
    .map(travelled)
    .filter((value) => !schema.safeParse(value).success && isPlain(value))
}

/** What JSON makes of a value; `null` of what has no JSON. */
function travelled(value: unknown): unknown {
  const text: string | undefined = JSON.stringify(value)
  // JSON.parse answers `any`
  return text === undefined ? null : (JSON.parse(text) as unknown)
}

/** Keys of a prototype are refused whatever the schema says: they have tests of their own. */
function isPlain(value: unknown): boolean {
  return !/"(?:__proto__|constructor)":/.test(JSON.stringify(value))
}

type Node = Readonly<Record<string, unknown>>

function valuesOf(schema: unknown): fc.Arbitrary<unknown> {
  if (!isRecord(schema)) return anything(1)
  if ('const' in schema) return fc.constant(schema['const'])
  if (Array.isArray(schema['enum'])) return fc.constantFrom<unknown>(...schema['enum'])
  if (Array.isArray(schema['anyOf'])) return fc.oneof(...schema['anyOf'].map(valuesOf))
  switch (schema['type']) {
    case 'object':
      return objects(schema)
    case 'array':
      return arrays(schema)
    case 'string':
      return texts(schema)
    case 'integer':
      return fc.integer({ min: bound(schema, 'minimum', -1e9), max: bound(schema, 'maximum', 1e9) })
    case 'number':
      return fc.double({
        noNaN: true,
        noDefaultInfinity: true,
        min: bound(schema, 'minimum', -1e9),
        max: bound(schema, 'maximum', 1e9),
      })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    default:
      return anything(1)
  }
}

function objects(schema: Node): fc.Arbitrary<unknown> {
  const properties = isRecord(schema['properties']) ? schema['properties'] : {}
  const required = new Set(Array.isArray(schema['required']) ? schema['required'] : [])
  const requiredKeys = Object.keys(properties).filter((name) => required.has(name))
  const members = fc.record(
    Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, valuesOf(one)])),
    { requiredKeys },
  )
  if (!isRecord(schema['additionalProperties']) || !('type' in schema['additionalProperties'])) return members
  return fc.dictionary(fc.string({ unit, maxLength: 8 }), valuesOf(schema['additionalProperties']), {
    maxKeys: 4,
  })
}

function arrays(schema: Node): fc.Arbitrary<unknown> {
  if (Array.isArray(schema['prefixItems'])) return fc.tuple(...schema['prefixItems'].map(valuesOf))
  return fc.array(valuesOf(schema['items']), {
    minLength: bound(schema, 'minItems', 0),
    maxLength: bound(schema, 'maxItems', 5),
  })
}

function texts(schema: Node): fc.Arbitrary<string> {
  if (typeof schema['pattern'] === 'string') return fc.stringMatching(new RegExp(schema['pattern']))
  const length = { minLength: bound(schema, 'minLength', 0), maxLength: bound(schema, 'maxLength', 60) }
  return fc.oneof(
    fc.string(length),
    fc.string({ ...length, unit: 'grapheme' }),
    fc.string({ ...length, unit: 'binary' }),
  )
}

function bound(schema: Node, name: string, otherwise: number): number {
  const value = schema[name]
  return typeof value === 'number' ? Math.max(-1e9, Math.min(1e9, value)) : otherwise
}
