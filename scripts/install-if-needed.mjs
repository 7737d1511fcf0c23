// Plain JavaScript: it runs on whatever Node is on PATH, before the project's own Node is installed.
import { execSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'

const done = 'node_modules/.package-lock.json'
if (!existsSync(done) || statSync(done).mtimeMs < statSync('package-lock.json').mtimeMs) {
  execSync('npm ci --no-audit --no-fund --loglevel=error', { stdio: 'inherit' })
}
