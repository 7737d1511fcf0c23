import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { configPage, withTable } from '../../showcase/src/config-table.ts'
import { ConfigurationError, environment, readConfig } from '../../showcase/src/config.ts'

const production = { NODE_ENV: 'production', SECRET: 'x'.repeat(32), BASE_URL: 'https://app.example' }

describe('the configuration', () => {
  test('is complete without any variable', () => {
    const config = readConfig({})
    expect(config).toMatchObject({
      production: false,
      host: '127.0.0.1',
      port: 8000,
      trustProxy: [],
      passwordGrant: true,
    })
    expect(config.database).toMatchObject({
      kind: 'sqlite',
      file: expect.stringMatching(/showcase\/data\/sallyport\.db$/),
    })
  })

  test('counts an empty variable as absent', () => {
    expect(readConfig({ PORT: '', SECRET: '', REDIS_URL: '' }).port).toBe(8000)
  })

  test('names every faulty variable and what to do, and repeats no value', () => {
    const env = {
      PORT: '80800',
      SECRET: 'hunter2',
      DATABASE_URL: 'mysql://root:pass@db/x',
      BASE_URL: 'https://a.example/path',
    }
    const message = messageOf(env)
    for (const name of Object.keys(env)) expect(message).toContain(name)
    expect(message).toContain('openssl rand')
    for (const value of Object.values(env)) expect(message).not.toContain(value)
  })

  test.each(['REDIS_URL', 'NATS_URL'])('refuses %s, which this version cannot honour', (name) => {
    expect(messageOf({ [name]: 'redis://localhost' })).toContain(
      `${name} is not supported yet in this version`,
    )
  })

  test('demands SECRET and BASE_URL in production', () => {
    expect(messageOf({ NODE_ENV: 'production' })).toMatch(/SECRET is required[\s\S]*BASE_URL is required/)
  })

  test('refuses a public origin without https in production', () => {
    expect(messageOf({ ...production, BASE_URL: 'http://app.example' })).toContain('https')
  })

  test('lets production be tried on this machine without https', () => {
    expect(readConfig({ ...production, BASE_URL: 'http://localhost:8000' }).production).toBe(true)
  })

  test('switches the password grant off in production unless it is asked for', () => {
    expect(readConfig(production).passwordGrant).toBe(false)
    expect(readConfig({ ...production, PASSWORD_GRANT: 'on' }).passwordGrant).toBe(true)
    expect(readConfig({ PASSWORD_GRANT: 'off' }).passwordGrant).toBe(false)
  })

  test.each(['10.0.0.0/33', 'proxy.internal', '10.0.0.0/8/8', '::/129'])('refuses the proxy %s', (proxy) => {
    expect(messageOf({ TRUST_PROXY: proxy })).toContain('TRUST_PROXY')
  })

  test('is documented: every variable is in docs/configuration.md as the code has it', () => {
    const page = readFileSync(configPage, 'utf8')
    expect(page).toBe(withTable(page))
    for (const name of Object.keys(environment.shape)) expect(page).toContain(`\`${name}\``)
  })
})

function messageOf(env: Record<string, string>): string {
  try {
    readConfig(env)
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message
    throw error
  }
  throw new Error('the configuration was accepted')
}
