import { APIError } from 'better-auth/api'
import { z } from 'zod'

/** The longest name that a person or room may have, in characters (Unicode code points). */
export const nameLimit = 64

/**
 * What a name must not hold: control characters, those that turn the direction of the text around them, halves of
 * characters, and code points without a meaning.
 */
const forbidden = /[\p{Cc}\p{Cs}\p{Co}\p{Cn}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u
/** What can be seen: letters, digits, punctuation and symbols, among which are emoji. */
const visible = /[\p{L}\p{N}\p{P}\p{S}]/u

/** A name that a person chooses, for themselves or for a room: 1 to 64 visible characters, without space around them. */
export const nameSchema = z
  .string()
  .trim()
  .normalize('NFC')
  .refine((name) => visible.test(name), 'must have a visible character')
  .refine((name) => Array.from(name).length <= nameLimit, `must have at most ${nameLimit} characters`)
  .refine((name) => !forbidden.test(name), 'must have no control characters')

/** The longest e-mail address (RFC 5321 section 4.5.3.1.3, less its brackets). */
const emailLimit = 254

/** What of a person's record people choose themselves. */
const chosen = z.object({
  name: nameSchema.optional(),
  email: z.string().max(emailLimit).optional(),
  image: z.null('is not used here').optional(),
})

/**
 * What is checked before a person's record is made or changed, by whatever path of better-auth.
 *
 * @throws APIError 400 when a name is empty, too long or not visible
 */
export async function withCheckedNames<T extends Record<string, unknown>>(person: T): Promise<{ data: T }> {
  const checked = chosen.safeParse(person)
  if (checked.success) return { data: { ...person, ...checked.data } }
  const [issue] = checked.error.issues
  const message = issue === undefined ? 'is malformed' : `${issue.path.join('.')} ${issue.message}`
  throw new APIError('BAD_REQUEST', { code: 'BAD_NAME', message })
}
