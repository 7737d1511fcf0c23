import { once } from 'node:events'
import type { Server as HttpServer } from 'node:http'
import { onTestFinished } from 'vitest'
import type { Server } from '../../src/index.ts'

/** Lets a server that a port is attached to listen on a free port; the end of the test stops both. @returns `127.0.0.1:<port>` */
export async function serving(httpServer: HttpServer, server: Server): Promise<string> {
  httpServer.listen(0, '127.0.0.1')
  await once(httpServer, 'listening')
  onTestFinished(async () => {
    await server.close({ drain: 100 })
    httpServer.closeAllConnections()
    httpServer.close()
  })
  const address = httpServer.address()
  return `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
}
