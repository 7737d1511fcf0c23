import { setTimeout as wait } from 'node:timers/promises'
import { createApp } from './app.ts'
import { ConfigurationError, readConfig } from './config.ts'
import { logger } from './operations/logger.ts'
import { processMetrics } from './operations/metrics.ts'
import { demoTable } from './database/seed.ts'

const drainMs = 30_000

async function main(): Promise<void> {
  const config = readConfig(process.env)
  const log = logger(config.logLevel)
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'uncaught')
    process.exit(1)
  })
  const app = await createApp(config, { log })
  processMetrics(app.metrics)
  // to the console and nowhere else: a log is kept
  if (app.demoUsers.length > 0) process.stderr.write(`${demoTable(app.demoUsers, app.url.origin)}\n`)
  log.info({ url: app.url.origin, production: config.production }, 'ready')

  let stopping = false
  const stop = (signal: NodeJS.Signals): void => {
    // the second signal means it
    if (stopping) process.exit(1)
    stopping = true
    log.info({ signal }, 'draining')
    void Promise.race([app.close(drainMs - 2_000), wait(drainMs)]).then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'could not stop in order')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

try {
  await main()
} catch (error) {
  if (!(error instanceof ConfigurationError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
