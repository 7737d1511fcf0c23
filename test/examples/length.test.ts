import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const folder = join(import.meta.dirname, '../../examples')
/** `site.ts` is what the two chats presume, and stands for a site that is there already. */
const examples = globSync('**/*.{ts,js,html}', { cwd: folder, exclude: ['**/node_modules', '**/.next'] })
  .filter((path) => path !== 'site.ts')
  .sort()

test.each(examples)('%s fits on a screen: forty lines at most', (path) => {
  expect(readFileSync(join(folder, path), 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(40)
})
