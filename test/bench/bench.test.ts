import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { available } from '../support/require.ts'

const run = promisify(execFile)
const hasCores = process.platform === 'linux' && availableParallelism() >= 2

describe.runIf(available('cc') !== null && hasCores)('the benchmark, on two cores of Linux', () => {
  test('compiles its generator, checks that all peers do the same work, and prints the table', async () => {
    const peers = ['--peers', 'ws,socket.io,sallyport']
    const only = ['--only', 'A,F,G,C100,Q']
    const { stdout } = await run('npm', ['run', '-s', 'bench', '--', '--quick', ...only, ...peers])
    expect(stdout).toContain('A smoke run')
    expect(stdout).toContain('the limit on the rate of messages is off')
    const beside = String.raw`[\d.]+×, µs [\d.]+×`
    for (const row of [
      'A cold | accepted handshakes',
      'A warm | accepted handshakes',
      'F warm | rejected handshakes',
      'C100 | broadcast to 50 members',
    ])
      expect(stdout).toMatch(
        new RegExp(
          String.raw`^\| ${row.replace('|', String.raw`\|`)}.*\| 1\.00×, µs 1\.00× \| ${beside} \| ${beside} \|$`,
          'm',
        ),
      )
    // a handshake takes some kilobytes of each peer
    const [, garbage = ''] = stdout.split('## G: ')
    for (const peer of ['ws', 'socket.io', 'sallyport'])
      expect(garbage).toMatch(new RegExp(String.raw`^\| ${peer} \| \d{1,3},\d{3} \| [\d.]+× \|`, 'm'))
    expect(stdout).toMatch(/^\| 256 \| [\d,]+ \| [\d.]+ \| [\d.]+× \|$/m)
    // the nine bad tokens that are tried first, and the forged ones of F
    expect(stdout).toMatch(/^\| signed with none \| HTTP 401 \| error packet \| HTTP 401 \|$/m)
    expect(stdout).not.toMatch(/forged tokens accepted|valid tokens refused|deliveries lost/)
  }, 240_000)

  test('lists the workloads when another one is asked for', async () => {
    const failed = run('npm', ['run', '-s', 'bench', '--', '--only', 'Z'])
    await expect(failed).rejects.toMatchObject({ stderr: expect.stringContaining('--only knows A, F') })
  })
})
