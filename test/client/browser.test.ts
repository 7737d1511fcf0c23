import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright'
import { build } from 'vite'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { type Authenticator, deny, endpoint, type Server, sallyport } from '../../src/index.ts'
import { browsers, hasBrowser } from '../support/browser.ts'
import { echo, type pageScript as PageScript } from './page-script.ts'

declare const pageScript: typeof PageScript
declare const dispatchEvent: (event: Event) => void

const member: Authenticator<{ readonly id: string }> = async ({ credentials }) => {
  const key = credentials.of('bearer')
  return key === null ? null : { user: { id: key } }
}

const application = endpoint(
  echo,
  { auth: member, authorize: ({ user }) => user.id === 'ada-key' || deny(403, 'not-you', 'Only Ada may.') },
  async (socket) => {
    for await (const line of socket) socket.send(line)
  },
)

let script = ''
const cleanups: (() => Promise<unknown>)[] = []

async function bundle(): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    resolve: { conditions: ['sallyport-src'] },
    build: {
      write: false,
      rollupOptions: { input: 'test/client/page-script.ts', preserveEntrySignatures: 'strict' },
    },
  })
  const outputs = (Array.isArray(result) ? result : [result]).flatMap((one) =>
    'output' in one ? one.output : [],
  )
  return outputs.flatMap((one) => (one.type === 'chunk' ? [one.code] : [])).join('')
}

/** A server with a page on which the client is loaded. */
async function servePage(sockets: (http: HttpServer) => void): Promise<string> {
  const http = createServer((request, response) => {
    if (request.url === '/page-script.js') response.setHeader('content-type', 'text/javascript').end(script)
    else
      response
        .setHeader('content-type', 'text/html')
        .end('<script type="module" src="/page-script.js"></script>')
  })
  sockets(http)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => new Promise((resolve) => http.close(resolve).closeAllConnections()))
  // a server that listens on TCP has an address of this kind
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`
}

function guarded(server: Server): (http: HttpServer) => void {
  server.serve(application)
  cleanups.push(() => server.close({ drain: 0 }))
  return (http) => server.attach(http)
}

async function visit(page: Page, url: string): Promise<void> {
  await page.goto(url)
  await page.waitForFunction('globalThis.pageScript !== undefined')
}

describe.runIf(hasBrowser)('in a browser', () => {
  const chromium = browsers()
  beforeAll(async () => {
    script = await bundle()
  })
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup()
  })

  test('it opens the endpoint of the page, sends, is acknowledged and hears', async () => {
    const page = await chromium.page()
    await visit(page, await servePage(guarded(sallyport())))
    const seen = await page.evaluate(async () => {
      const one = pageScript.experiment({ credentials: pageScript.bearer(() => 'ada-key') })
      await one.opened.send('hello')
      await one.opened.send('again')
      return { states: one.states, heard: one.heard }
    })
    expect(seen.states).toEqual(['connecting', 'open'])
    expect(seen.heard[0]).toBe('hello')
  })

  test('a refusal is read with its code, and it never was open', async () => {
    const page = await chromium.page()
    await visit(page, await servePage(guarded(sallyport())))
    const seen = await page.evaluate(async () => {
      const one = pageScript.experiment({ credentials: pageScript.bearer(() => 'eve-key') })
      const { denial } = await one.until('denied')
      return { states: one.states, denial }
    })
    expect(seen.denial).toMatchObject({ status: 403, code: 'not-you', message: 'Only Ada may.' })
    expect(seen.states).not.toContain('open')
  })

  test('a server that does not speak the protocol is told from the rest by its failure', async () => {
    const page = await chromium.page()
    const plain = (http: HttpServer): void => {
      const webSockets = new WebSocketServer({ server: http, handleProtocols: () => false })
      cleanups.push(async () => webSockets.close())
    }
    await visit(page, await servePage(plain))
    const { failure } = await page.evaluate(() => pageScript.experiment({}).until('waiting'))
    expect(failure).toMatch(/^closed with 1006: no server that speaks sallyport.v1 answered, or/)
  })

  test('it comes back at once when the network does', async () => {
    const page = await chromium.page()
    const server = sallyport()
    const sockets = new Set<{ end(): void }>()
    await visit(
      page,
      await servePage((http) => {
        guarded(server)(http)
        http.on('upgrade', (_request, socket) => sockets.add({ end: () => socket.destroy() }))
      }),
    )
    await page.evaluate(async () => {
      const patient = { min: '1h', max: '1h' } as const
      const one = pageScript.experiment({ credentials: pageScript.bearer(() => 'ada-key'), backoff: patient })
      Object.assign(globalThis, { one })
      await one.until('open')
    })
    for (const socket of sockets) socket.end()
    const states = await page.evaluate(async () => {
      const { one } = globalThis as unknown as { one: ReturnType<typeof pageScript.experiment> }
      await one.until('waiting')
      dispatchEvent(new Event('online'))
      await one.until('open')
      return one.states
    })
    expect(states.slice(-3)).toEqual(['waiting', 'connecting', 'open'])
  })
})
