import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { available } from '../support/require.ts'
import { requestToken, type Running, signUp, start } from './support/running.ts'

const run = promisify(execFile)
const hello = '{"type":"say","text":"hello"}'

/** Runs a program to its end, with a token in its environment, and answers what it printed. */
async function printed(program: string, args: readonly string[], token: string): Promise<string> {
  const { stdout } = await run(program, args, { timeout: 60_000, env: { ...process.env, TOKEN: token } })
  return stdout
}

/** A server, and the access token of a user who has signed up there. */
async function begin(): Promise<{ running: Running; base: string; token: string }> {
  const running = await start()
  const { username, password } = await signUp(running, 'ada2')
  const answer = (await (await requestToken(running, { username, password })).json()) as {
    access_token: string
  }
  return { running, base: running.url.replace('http', 'ws'), token: answer.access_token }
}

test('wscat says something in the lobby and hears it', async () => {
  const { base, token } = await begin()
  const where = ['-c', `${base}/ws/chat/lobby`, '-H', `Authorization: Bearer ${token}`]
  expect(await printed('node_modules/.bin/wscat', [...where, '-x', hello, '-w', '1'], '')).toMatch(
    /^\{"type":"said",.*"text":"hello"/m,
  )
})

describe.runIf(available('python'))('a Python client', () => {
  const python = available('python') ?? ''
  const ask = async (carrier: string, base: string, token: string): Promise<string> =>
    printed(
      python,
      ['examples/clients/python_client.py', 'fastapi', carrier, base, 'lobby', hello, '1'],
      token,
    )

  test.for(['header', 'pair'])('says something with its token in the carrier %s', async (carrier) => {
    const { base, token } = await begin()
    expect(JSON.parse(await ask(carrier, base, token))).toMatchObject({ type: 'said', text: 'hello' })
  })

  test('is refused with a token in the URL, and with none that is good', async () => {
    const { base, token } = await begin()
    expect(await ask('query', base, token)).toBe('refused: HTTP 400\n')
    expect(await ask('header', base, 'nonsense')).toBe('refused: HTTP 401\n')
  })
})
