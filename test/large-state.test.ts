import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'

const root = join(import.meta.dirname, '..')

/** Runs the program of the page on large states. @returns the URL that it prints */
async function running(): Promise<string> {
  const page = readFileSync(join(root, 'docs/groups.md'), 'utf8')
  const [, program = ''] = /<!-- runs: large state -->\s+```ts\n([\s\S]*?)```/.exec(page) ?? []
  // beside the tests, so that packages are found as a user's are, and Node strips the types
  const folder = mkdtempSync(join(root, 'test/.large-state-'))
  writeFileSync(join(folder, 'report.ts'), program)
  const server = spawn(
    join(root, 'node_modules/.bin/node'),
    ['--conditions=sallyport-src', join(folder, 'report.ts')],
    { env: { PATH: process.env['PATH'], PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  onTestFinished(() => {
    server.kill()
    rmSync(folder, { recursive: true, force: true })
  })
  for await (const line of createInterface(server.stdout)) return line
  throw new Error('the program prints no URL')
}

test('the program of the documentation sends 24 MB in one go, and its reader stays', async () => {
  const socket = new WebSocket(await running())
  const sizes: number[] = []
  const code = await new Promise<number | null>((resolve) => {
    socket.addEventListener('close', (event) => resolve(event.code))
    socket.addEventListener('message', ({ data }) => {
      if (sizes.push(String(data).length) === 24) resolve(null)
    })
  })
  socket.close()
  expect(code).toBe(null)
  expect(sizes).toEqual(Array.from({ length: 24 }, () => 1_000_000))
})
