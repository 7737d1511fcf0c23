import { describe, expect, test } from 'vitest'
import { argon2id, passwordLimit } from '../../../showcase/src/identity/passwords.ts'

describe('password hashes', () => {
  test('are argon2id with the parameters that OWASP asks for', async () => {
    expect(await argon2id().hash('correct horse')).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  })

  test('fit their password and no other', async () => {
    const passwords = argon2id()
    const hash = await passwords.hash('correct horse')
    expect(await passwords.verify({ hash, password: 'correct horse' })).toBe(true)
    expect(await passwords.verify({ hash, password: 'correct horsE' })).toBe(false)
  })

  test('are not made of a password beyond the limit, counted in bytes', async () => {
    const passwords = argon2id()
    await expect(passwords.hash('é'.repeat(passwordLimit / 2 + 1))).rejects.toMatchObject({ statusCode: 400 })
    await expect(passwords.hash('é'.repeat(passwordLimit / 2))).resolves.toContain('$argon2id$')
  })

  test('wait in a line of bounded length, and beyond it the answer is 503', async () => {
    const passwords = argon2id({ concurrency: 1, maxWaiting: 2 })
    const all = await Promise.allSettled([1, 2, 3, 4, 5].map((n) => passwords.hash(`password ${n}`)))
    expect(all.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ])
    expect(all[4]).toMatchObject({ reason: { statusCode: 503 } })
  })

  test('leave the queue usable when one fails', async () => {
    const passwords = argon2id({ concurrency: 1, maxWaiting: 2 })
    const broken = passwords.verify({ hash: 'no hash at all', password: 'x' })
    const sound = passwords.hash('y')
    await expect(broken).rejects.toThrow()
    await expect(sound).resolves.toContain('$argon2id$')
    expect(passwords.waiting).toBe(0)
  })
})
