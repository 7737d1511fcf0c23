import { describe, expect, test } from 'vitest'
import { contract } from '../../../src/contract.ts'
import { endpoint } from '../../../src/core/endpoint/endpoint.ts'
import { httpFace } from '../../../src/core/access/denial-response.ts'
import { requireScopes } from '../../../src/core/access/require-scopes.ts'
import { visit } from '../../../src/testing.ts'
import { text } from '../../../src/wire/contract.ts'
import { denialOf } from '../../support/auth-request.ts'

const guard = requireScopes('chat:read', 'chat:write')

describe('an endpoint that requires scopes', () => {
  test('lets in who has all of them, among others', () => {
    expect(guard({ scopes: ['me', 'chat:write', 'chat:read'] })).toBe(true)
  })

  test.each([[[]], [['chat:read']], [['chat']], [['chat:read chat:write']], [['CHAT:READ', 'CHAT:WRITE']]])(
    'refuses who has only %j',
    async (scopes) => {
      const denial = await denialOf(() => guard({ scopes }))
      expect([denial.status, denial.reason]).toEqual([403, 'missing-scope'])
    },
  )

  test('says in the challenge what it takes', async () => {
    const denial = await denialOf(() => guard({ scopes: [] }))
    expect(httpFace(denial, 'ref').headers).toMatchObject({
      'WWW-Authenticate': 'Bearer error="insufficient_scope", scope="chat:read chat:write"',
    })
  })

  test('refuses in the handshake', async () => {
    const line = contract('/line', { client: text, server: text })
    const auth = async (): Promise<{ user: { id: string }; scopes: string[] }> => ({
      user: { id: '7' },
      scopes: ['chat:read'],
    })
    const demanding = (...scopes: [string]): ReturnType<typeof visiting> => visiting(requireScopes(...scopes))
    const visiting = (authorize: ReturnType<typeof requireScopes>): Promise<unknown> => {
      const application = endpoint(line, { auth, authorize }, async () => {})
      return visit(application, {}, { headers: {} })
    }
    await expect(demanding('chat:write')).rejects.toMatchObject({ status: 403, code: 'missing-scope' })
    await expect(demanding('chat:read')).resolves.toBeDefined()
  })
})

test('a rule without scopes stops the start: it would refuse no user', () => {
  const requiresNothing = requireScopes as unknown as () => void
  expect(() => requiresNothing()).toThrow(TypeError)
})

test.each(['', 'chat write', 'a"b', 'a\\b', 'a\nb'])('%j is no scope', (scope) => {
  expect(() => requireScopes(scope)).toThrow(TypeError)
})
