import { aContract, type Contract } from '../../wire/contract.ts'
import { anObject, assertKind } from '../../wire/options.ts'

/** A group as the layer knows it, and as its members are told of it. */
export interface Address {
  /** Names the group in stores and on buses: no two groups share it, whatever their names hold. */
  readonly key: string
  /** The canonical path in the frames of its messages; `null` where each member's own path stands. */
  readonly path: string | null
  readonly contract: Contract
}

/**
 * The group of a contract's endpoint with these params: everyone inside, or one audience.
 *
 * @throws TypeError when a param is missing or malformed, or the contract has no such audience
 */
export function groupAddress(
  contract: Contract,
  tenant: string,
  params: Readonly<Record<string, string>>,
  audience?: string,
): Address {
  assertKind('the contract of a group', contract, aContract)
  assertKind(`the params of '${contract.path}'`, params, anObject)
  if (audience !== undefined && !contract.audiences.includes(audience)) {
    throw new TypeError(`the contract '${contract.path}' has no audience '${audience}'`)
  }
  const path = contract.template.build(params)
  return { key: joined('group', tenant, contract.path, path, audience ?? ''), path, contract }
}

/** Every socket of one subject on a contract, whatever its params. */
export function subjectAddress(contract: Contract, tenant: string, subject: string): Address {
  return { key: joined('subject', tenant, contract.path, subject), path: null, contract }
}

/** What limits of an identity are kept by: two tenants may each have a user of that name. */
export function identityKey(tenant: string, subject: string): string {
  return joined('identity', tenant, subject)
}

/** Who pays for what a socket costs: an identity, or the network of a guest. */
export interface Payer {
  readonly tenant: string
  readonly subject: string
  readonly network?: string | undefined
}

/**
 * The account that pays for what a socket costs: that of its identity. A guest pays from the account of its network, so
 * that a guest who reconnects, or opens many sockets, has one account. No tenant is in that one: guests of one network
 * share it.
 */
export function accountKey({ tenant, subject, network }: Payer): string {
  return network === undefined ? identityKey(tenant, subject) : joined('network', network)
}

/** Length-prefixed, so that no part can hold a separator and be taken for two. */
function joined(...parts: readonly string[]): string {
  return parts.map((part) => `${part.length}:${part}`).join('')
}
