import { contract, event } from 'sallyport/contract'
import { z } from 'zod'

/** One event of access, as it is kept and shown. */
export const auditEntry = z.object({
  /** Sorts by time, and is the cursor of pages. */
  id: z.string().max(64),
  /** Milliseconds since 1970. */
  at: z.number(),
  type: z.string().max(64),
  subject: z.string().max(1024).nullable(),
  /** The name of the subject, while there is such a person. */
  name: z.string().max(128).nullable(),
  username: z.string().max(128).nullable(),
  contract: z.string().max(256).nullable(),
  address: z.string().max(64).nullable(),
  /** The HTTP status of a refusal, or the close code. */
  status: z.number().nullable(),
  /** The short word for why. */
  code: z.string().max(64).nullable(),
  /** What a peer was told of it. */
  ref: z.string().max(64).nullable(),
  detail: z.record(z.string().max(64), z.unknown()),
})

/** The events of access, as they happen; for administrators. */
export const audit = contract('/ws/admin/audit', {
  server: { happened: event(z.object({ entries: z.array(auditEntry).max(50) }), { keep: false }) },
})
