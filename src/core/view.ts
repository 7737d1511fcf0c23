import type { Opening } from './opening.ts'
import { groupAddress } from './keys.ts'
import { groupOf } from './messenger.ts'
import type { Group, Messenger } from './port.ts'
import type { Direction } from '../wire/contract.ts'
import { assertKind, aText, type Kind } from '../wire/options.ts'

const aCloseCode: Kind = {
  wanted: '1000 or 3000 to 4999',
  is: (code) => code === 1000 || (Number.isInteger(code) && Number(code) >= 3000 && Number(code) <= 4999),
}

/** A socket as handlers see it, without the types of its contract: `endpoint` and `consumer` hand it out typed. */
export class View {
  readonly #opening: Opening
  #room: Group<Direction> | null = null

  constructor(opening: Opening) {
    this.#opening = opening
  }

  get id(): string {
    return this.#opening.id
  }

  get user(): unknown {
    return this.#opening.visitor.identity.user
  }

  get subject(): string {
    return this.#opening.visitor.subject
  }

  get scopes(): readonly string[] {
    return this.#opening.visitor.identity.scopes ?? []
  }

  get params(): Readonly<Record<string, string>> {
    return this.#opening.visitor.params
  }

  get grant(): unknown {
    return this.#opening.visitor.grant
  }

  async *grants(): AsyncIterable<unknown> {
    while (!this.#opening.ended) {
      const turned = this.#opening.turned()
      yield this.grant
      await turned
    }
  }

  get signal(): AbortSignal {
    return this.#opening.signal
  }

  assertAllowed(): void {
    this.#opening.assertAllowed()
  }

  get port(): Messenger {
    return this.#opening.parts.hub.port(this.#tenant)
  }

  send(...args: readonly unknown[]): boolean {
    return this.#opening.send(args)
  }

  drained(): Promise<void> {
    return this.#opening.drained()
  }

  group(audience?: string): Group<Direction> {
    return audience === undefined ? (this.#room ??= this.#group()) : this.#group(audience)
  }

  #group(audience?: string): Group<Direction> {
    const { visitor } = this.#opening
    const { hub, contract } = this.#opening.parts
    const address = groupAddress(contract, this.#tenant, visitor.params, audience)
    return groupOf(hub, address, () => this.#opening.assertAllowed())
  }

  close(code = 1000, reason = ''): void {
    assertKind('the code of socket.close()', code, aCloseCode)
    assertKind('the reason of socket.close()', reason, aText)
    this.#opening.end('done', code, reason)
  }

  get #tenant(): string {
    return this.#opening.parts.hub.tenant(this.#opening.visitor.identity)
  }
}
