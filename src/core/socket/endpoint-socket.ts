import type { ServerChannel } from './channel.ts'
import { groupAddress } from '../groups/address.ts'
import { groupOf } from '../server-messenger.ts'
import type { Group, Messenger } from '../api/messenger.ts'
import type { Direction } from '../../wire/contract.ts'
import { assertKind, aText, type OptionKind } from '../../wire/options.ts'

const aCloseCode: OptionKind = {
  wanted: '1000 or 3000 to 4999',
  is: (code) => code === 1000 || (Number.isInteger(code) && Number(code) >= 3000 && Number(code) <= 4999),
}

/**
 * The socket that handlers see, without the types of its contract. `endpoint` and `consumer` add the types.
 */
export class EndpointSocket {
  readonly #channel: ServerChannel
  #room: Group<Direction> | null = null

  constructor(channel: ServerChannel) {
    this.#channel = channel
  }

  get id(): string {
    return this.#channel.id
  }

  get user(): unknown {
    return this.#channel.authorized.identity.user
  }

  get subject(): string {
    return this.#channel.authorized.subject
  }

  get scopes(): readonly string[] {
    return this.#channel.authorized.identity.scopes ?? []
  }

  get params(): Readonly<Record<string, string>> {
    return this.#channel.authorized.params
  }

  get grant(): unknown {
    return this.#channel.authorized.grant
  }

  async *grants(): AsyncIterable<unknown> {
    while (!this.#channel.ended) {
      const turned = this.#channel.turned()
      yield this.grant
      await turned
    }
  }

  get signal(): AbortSignal {
    return this.#channel.signal
  }

  assertAllowed(): void {
    this.#channel.assertAllowed()
  }

  get server(): Messenger {
    return this.#channel.peer.context.messenger(this.#tenant)
  }

  send(...args: readonly unknown[]): boolean {
    return this.#channel.send(args)
  }

  drained(): Promise<void> {
    return this.#channel.drained()
  }

  group(audience?: string): Group<Direction> {
    return audience === undefined ? (this.#room ??= this.#group()) : this.#group(audience)
  }

  #group(audience?: string): Group<Direction> {
    const { authorized, contract, peer } = this.#channel
    const address = groupAddress(contract, this.#tenant, authorized.params, audience)
    return groupOf(peer.context, address, () => this.#channel.assertAllowed())
  }

  close(code = 1000, reason = ''): void {
    assertKind('the code of socket.close()', code, aCloseCode)
    assertKind('the reason of socket.close()', reason, aText)
    this.#channel.end('done', code, reason)
  }

  get #tenant(): string {
    return this.#channel.peer.context.tenant(this.#channel.authorized.identity)
  }
}
