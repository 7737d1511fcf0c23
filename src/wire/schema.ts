import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { OptionKind } from './options.ts'

/** Any validator that speaks Standard Schema: zod, valibot, arktype and others. */
export type Schema<Input = unknown, Output = Input> = StandardSchemaV1<Input, Output>
/** What a schema takes. */
export type InputOf<S extends Schema> = StandardSchemaV1.InferInput<S>
/** What a schema gives. */
export type OutputOf<S extends Schema> = StandardSchemaV1.InferOutput<S>

/** The verdict on a value: the value as the schema gives it, or what is wrong in one line. */
export type Checked<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly issue: string }

/**
 * Checks a value against a schema, synchronously.
 *
 * @throws TypeError when the schema is asynchronous: messages are checked in the turn in which they arrive.
 */
export function check<S extends Schema>(schema: S, value: unknown): Checked<OutputOf<S>> {
  const result = schema['~standard'].validate(value)
  // a promise of whatever make: one that is taken for a verdict would have no issues, and let everything in
  if ('then' in result) {
    result.then(undefined, () => {})
    throw new TypeError(
      'messages take only synchronous schemas; this one validates asynchronously: move that work into the handler',
    )
  }
  // the schema's own declaration says that its result has this type
  if (result.issues === undefined) return { ok: true, value: result.value as OutputOf<S> }
  return { ok: false, issue: result.issues.slice(0, 3).map(spoken).join('; ') }
}

/** An issue in at most some 400 characters: keys, and messages that repeat them, are the peer's own and may be long. */
function spoken(issue: StandardSchemaV1.Issue): string {
  const path = (issue.path ?? [])
    .slice(0, 8)
    .map((step) => shortened(String(typeof step === 'object' ? step.key : step), 32))
    .join('.')
  return path === '' ? shortened(issue.message, 120) : `${path}: ${shortened(issue.message, 120)}`
}

function shortened(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`
}

/** What an option may be that is a schema. */
export const aSchema: OptionKind = { wanted: 'a schema (Standard Schema, such as of zod)', is: isSchema }

/** Whether a value is a Standard Schema: an object, or a function as arktype's are, with `~standard`. */
export function isSchema(value: unknown): value is Schema {
  return (typeof value === 'object' || typeof value === 'function') && value !== null && '~standard' in value
}
