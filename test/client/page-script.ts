/** What the tests in a browser run there: bundled into a page. */
import { bearer, client, type ClientOptions, type Channel, type Snapshot } from '../../src/client/index.ts'
import { contract, text } from '../../src/wire/contract.ts'

export const echo = contract('/ws/echo', { client: text, server: text })

/** One opened endpoint, and all that was seen of it. */
export interface Experiment {
  readonly opened: Channel<typeof echo>
  readonly states: readonly string[]
  readonly heard: readonly string[]
  /** Settles with the first snapshot in this state. */
  until(state: string): Promise<Snapshot>
}

function experiment(options: ClientOptions): Experiment {
  const opened = client({ url: '', ...options }).open(echo)
  const states = [opened.state as string]
  const heard: string[] = []
  opened.subscribe(() => states.push(opened.state))
  opened.on('message', (line) => heard.push(line))
  const until = (state: string): Promise<Snapshot> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (opened.state === state) resolve(opened.snapshot())
      }
      opened.subscribe(look)
      look()
    })
  return { opened, states, heard, until }
}

export const pageScript = { bearer, experiment }
Object.assign(globalThis, { pageScript })
