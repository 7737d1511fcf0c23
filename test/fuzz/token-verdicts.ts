import { isDeepStrictEqual } from 'node:util'
import { type JWTPayload, jwtVerify } from 'jose'
import { jwt } from '../../src/auth/jwt.ts'
import { explicitCredentials } from '../../src/core/access/credentials.ts'
import type { Authenticator, AuthRequest } from '../../src/index.ts'
import { testClock } from '../../src/testing.ts'
import { authRequestOf } from '../support/auth-request.ts'
import type { Family } from './token-families.ts'
import type { Campaign } from './campaign.ts'
import { stricterRule } from './stricter.ts'
import { audience, issuer, nowSeconds, type OddToken, TokenSource } from './tokens.ts'

const tolerance = 5
const clock = testClock(nowSeconds * 1000)

interface Holder {
  readonly id: string
  readonly claims: unknown
}

/** What came of one token: both verifiers agreed, or ours refused by a rule of its own. */
export type Outcome = 'accepted' | 'refused' | `stricter: ${string}`

/** Compares our verdict on tokens with that of jose, asked as strictly as it can be. */
export class TokenJudge {
  readonly #source = new TokenSource()
  readonly #ours: ReadonlyMap<Family, Authenticator<Holder>>
  readonly #request = authRequestOf({})

  constructor() {
    const authenticator = ({ given, algorithms }: Family): Authenticator<Holder> =>
      jwt({
        ...given,
        algorithms,
        issuer,
        audience,
        clock,
        clockTolerance: '5s',
        user: (claims) => ({ id: claims.sub, claims }),
      })
    this.#ours = new Map(this.#source.families.map((family) => [family, authenticator(family)]))
  }

  /**
   * Judges the token of this seed and number.
   *
   * @throws Error that tells the story when verdicts differ and no rule says why, when claims differ, or when anything but a denial
   * was thrown
   */
  async judge(seed: number, index: number): Promise<Outcome> {
    const odd = this.#source.token(seed, index)
    const [ours, theirs] = await Promise.all([this.#verdict(odd), joses(odd)])
    const why = `seed ${seed}, token ${index} (${odd.story})`
    if (ours === null && theirs === null) return 'refused'
    if (theirs === null) throw new Error(`${why}: accepted, and jose refuses it`)
    const rule = stricterRule(odd.token, theirs.payload, theirs.header, nowSeconds + tolerance)
    if (ours !== null && rule !== null) throw new Error(`${why}: accepted against the rule '${rule}'`)
    if (ours === null && rule === null) throw new Error(`${why}: refused, and jose accepts it`)
    if (ours === null) return `stricter: ${rule ?? ''}`
    if (isDeepStrictEqual({ ...ours }, { ...theirs.payload })) return 'accepted'
    throw new Error(`${why}: accepted with other claims than jose's`)
  }

  /** The claims of a token that was accepted; `null` for one that no authenticator claims or that is refused with 401. */
  async #verdict({ family, token }: OddToken): Promise<unknown> {
    const credentials = explicitCredentials({ scheme: 'bearer', value: token, carrier: 'subprotocol' })
    const request: AuthRequest = { ...this.#request, credentials }
    try {
      const identity = await this.#ours.get(family)?.(request)
      return identity?.user.claims ?? null
    } catch (error) {
      if (error instanceof Error && 'status' in error && error.status === 401) return null
      throw error
    }
  }
}

interface Verified {
  readonly payload: JWTPayload
  readonly header: Readonly<Record<string, unknown>>
}

async function joses({ family, token }: OddToken): Promise<Verified | null> {
  try {
    const { payload, protectedHeader } = await jwtVerify(token, family.key, {
      algorithms: [...family.algorithms],
      issuer,
      audience,
      clockTolerance: tolerance,
      currentDate: new Date(clock.now()),
      requiredClaims: ['exp', 'sub'],
    })
    return { payload, header: { ...protectedHeader } }
  } catch (error) {
    // whatever jose throws, it has not accepted the token
    if (error instanceof Error) return null
    throw error
  }
}

/** Odd tokens, judged. */
export async function tokenCampaign(seed: number): Promise<Campaign> {
  const judge = new TokenJudge()
  return { name: 'tokens', atOnce: 16, tell: (index) => judge.judge(seed, index), end: async () => {} }
}
