import type { Clock } from '../../wire/clock.ts'
import type { LayerConnection } from '../groups/layer-connection.ts'
import type { CommandAnswer, CommandResult } from './access-command.ts'
import type { Receipt } from '../api/receipt.ts'

/** What receipts need. */
export interface ReceiptsParts {
  readonly node: string
  readonly link: Pick<LayerConnection, 'nodes'>
  readonly clock: Clock
}

/** For how long other nodes may take to answer after a command was published. */
const answerMs = 1_000

/** Collects the answers of other nodes to the access commands of this node, while a caller waits for them. */
export class Receipts {
  readonly #parts: ReceiptsParts
  readonly #open = new Map<string, OpenReceipt>()

  constructor(parts: ReceiptsParts) {
    this.#parts = parts
  }

  /**
   * Opens a receipt. It is opened before the command is published: the first answer may arrive before the
   * publishing has resolved.
   */
  open(id: string): OpenReceipt {
    const receipt = new OpenReceipt(this.#parts, () => this.#open.delete(id))
    this.#open.set(id, receipt)
    return receipt
  }

  /**
   * Takes an answer. An answer that no caller waits for, of an unknown node, or a second one of the same node
   * does not count.
   */
  answer({ id, node, ...done }: CommandAnswer): void {
    this.#open.get(id)?.answer(node, done)
  }
}

/** A receipt that waits for answers. */
class OpenReceipt {
  readonly #parts: ReceiptsParts
  readonly #answers = new Map<string, CommandResult>()
  /**
   * The nodes whose answer is expected: those present when the command was given, and those present when it
   * has been published.
   */
  #asked: ReadonlySet<string>
  readonly #discard: () => void
  #answered: () => void = () => {}

  constructor(parts: ReceiptsParts, discard: () => void) {
    this.#parts = parts
    this.#discard = discard
    this.#asked = new Set(this.#others())
  }

  answer(node: string, done: CommandResult): void {
    const isThere = this.#asked.has(node) || this.#others().includes(node)
    if (!isThere || this.#answers.has(node)) return
    this.#answers.set(node, done)
    this.#answered()
  }

  /** Closes it without a receipt, because the command could not be published. */
  discard(): void {
    this.#discard()
  }

  /**
   * Waits for the nodes that have not answered yet, for a second at most.
   * @param here the effect of the command on this node, which is awaited without a limit
   */
  async make(here: Promise<CommandResult>): Promise<Receipt> {
    this.#asked = new Set([...this.#asked, ...this.#others()])
    await this.#complete()
    this.#discard()
    const { node } = this.#parts
    const answers = new Map([[node, await here], ...this.#answers])
    return {
      closed: sum(answers, ({ closed }) => closed),
      changed: sum(answers, ({ changed }) => changed),
      dropped: sum(answers, ({ dropped }) => dropped),
      nodes: [...answers.keys()],
      silent: [...this.#asked].filter((asked) => !answers.has(asked)),
    }
  }

  #others(): readonly string[] {
    const { link, node } = this.#parts
    return link.nodes.filter((name) => name !== node)
  }

  #complete(): Promise<void> {
    return new Promise((resolve) => {
      const late = this.#parts.clock.after(answerMs, resolve)
      this.#answered = () => {
        if ([...this.#asked].some((asked) => !this.#answers.has(asked))) return
        late.cancel()
        resolve()
      }
      this.#answered()
    })
  }
}

function sum(answers: ReadonlyMap<string, CommandResult>, of: (done: CommandResult) => number): number {
  return [...answers.values()].reduce((total, done) => total + of(done), 0)
}
