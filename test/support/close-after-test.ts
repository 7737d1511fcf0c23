import { onTestFinished } from 'vitest'
import type { Server } from '../../src/index.ts'

/** Closes a server, without a drain, when the test that made it ends. */
export function closeAfterTest(server: Pick<Server, 'close'>): void {
  onTestFinished(() => server.close({ drain: 0 }))
}
