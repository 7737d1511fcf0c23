/** Who someone is: what every revocation and every limit refers to. */
export interface Identity<U> {
  readonly user: U
  /** Names the identity across kinds, such as `robot:7`; the user's `id` when left out. */
  readonly subject?: string
  readonly session?: string
  readonly token?: string
  readonly scopes?: readonly string[]
  readonly issuedAt?: Date
  readonly expires?: Date
  /** Asks again who this is without the raw credential; `null` when it is nobody any more. */
  renew?(): Promise<Identity<U> | null>
}
