import { aContract, type Contract } from '../../wire/contract.ts'
import { anObject, assertKind } from '../../wire/options.ts'

/** The address of a group, as the layer and its members know it. */
export interface Address {
  /** The name of the group in stores and topics. No two groups share it, whatever their names contain. */
  readonly key: string
  /** The canonical path in the frames of its messages; `null` where the frame has the path of each member. */
  readonly path: string | null
  readonly contract: Contract
}

/**
 * The address of the group of an endpoint with these params: all its sockets, or one audience.
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
  return addressAt(contract, tenant, contract.template.build(params), audience)
}

/** The address of the group of an endpoint at this canonical path: all its sockets, or one audience. */
export function addressAt(contract: Contract, tenant: string, path: string, audience = ''): Address {
  return { key: joined('group', tenant, contract.path, path, audience), path, contract }
}

/** Every socket of one subject on a contract, whatever its params. */
export function subjectAddress(contract: Contract, tenant: string, subject: string): Address {
  return { key: joined('subject', tenant, contract.path, subject), path: null, contract }
}

/** The key of an identity for limits: two tenants may each have a user of that name. */
export function identityKey(tenant: string, subject: string): string {
  return joined('identity', tenant, subject)
}

/** What decides which account is charged: an identity, or the network of a guest. */
export interface Payer {
  readonly tenant: string
  readonly subject: string
  readonly network?: string | undefined
}

/**
 * The account that is charged for a socket: that of its identity. A guest is charged to the account of its
 * network, so that a guest who reconnects, or opens many sockets, still has one account. The key has no
 * tenant then: guests of one network share it.
 */
export function accountKey({ tenant, subject, network }: Payer): string {
  return network === undefined ? identityKey(tenant, subject) : joined('network', network)
}

/**
 * Joins texts with their lengths, so that no text can imitate a separator. A text that is put together by `+` keeps all its
 * pieces in memory, and a key lives as long as its socket: so the pieces are joined at once.
 */
function joined(...parts: readonly string[]): string {
  return parts.map(withLength).join('')
}

function withLength(part: string): string {
  return `${part.length}:${part}`
}
