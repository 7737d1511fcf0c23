// A file that left src must not stay in the package.
import { rmSync } from 'node:fs'

rmSync('dist', { recursive: true, force: true })
