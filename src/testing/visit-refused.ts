import { denialReason, type HttpRefusal, httpFace } from '../core/access/denial-response.ts'
import type { Denial } from '../wire/errors.ts'

/** A refusal, with both of its forms on the wire. */
export class VisitRefused extends Error {
  override readonly name = 'VisitRefused'
  readonly status: number
  /** The stable short code. */
  readonly code: string
  readonly closeCode: number
  /** What tools get. */
  readonly http: HttpRefusal
  /** What browsers get; `null` for a refusal that comes before the upgrade to every peer. */
  readonly close: { readonly code: number; readonly reason: string } | null

  constructor(denial: Denial, ref: string) {
    super(
      `${denial.status} ${denial.reason}: ${denial.message}${denial.detail === undefined ? '' : ` (${denial.detail})`}`,
    )
    this.status = denial.status
    this.code = denial.reason
    this.closeCode = denial.closeCode
    this.http = httpFace(denial, ref)
    this.close = denial.httpOnly ? null : { code: denial.closeCode, reason: denialReason(denial) }
  }
}
