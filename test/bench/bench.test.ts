import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { available } from '../support/require.ts'

const run = promisify(execFile)
const hasCores = process.platform === 'linux' && availableParallelism() >= 2

describe.runIf(available('cc') !== null && hasCores)('the benchmark, on two cores of Linux', () => {
  test('compiles its generator, checks that all peers do the same work, and prints the table', async () => {
    const { stdout } = await run('npm', ['run', '-s', 'bench', '--', '--quick', '--only', 'A,F,C100'])
    expect(stdout).toContain('A smoke run')
    expect(stdout).toContain('the limit on the rate of messages is off')
    for (const row of ['accepted handshakes', 'rejected handshakes', 'broadcast to 50 members'])
      expect(stdout).toMatch(
        new RegExp(`^\\| \\w+ \\| ${row}.*\\| 1\\.00× \\| [\\d.]+× \\| [\\d.]+× \\|$`, 'm'),
      )
    // the nine bad tokens that are tried first, and the forged ones of F
    expect(stdout).toMatch(/^\| signed with none \| HTTP 401 \| error packet \| HTTP 401 \|$/m)
    expect(stdout).not.toMatch(/forged tokens accepted|valid tokens refused|deliveries lost/)
  }, 120_000)

  test('lists the workloads when another one is asked for', async () => {
    const failed = run('npm', ['run', '-s', 'bench', '--', '--only', 'Z'])
    await expect(failed).rejects.toMatchObject({ stderr: expect.stringContaining('--only knows A, F') })
  })
})
