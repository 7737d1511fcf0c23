import { once } from 'node:events'
import type { Server } from 'node:http'
import { onTestFinished } from 'vitest'
import type { Port } from '../../src/index.ts'

/** Lets a server that a port is attached to listen on a free port; the end of the test stops both. @returns `127.0.0.1:<port>` */
export async function serving(server: Server, port: Port): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    await port.close({ drain: 100 })
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
}
