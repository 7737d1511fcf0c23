// A server of its own process, told by messages what to do: its clock is the machine's, so both ends read the same one.
import { endpoint, sallyport } from 'sallyport'
import type { Order, Told } from './orders.ts'
import { auth, options, room } from './room.ts'

const server = sallyport(options)
server.serve(
  endpoint(room, { auth }, async (socket) => {
    for await (const line of socket) socket.send(line)
  }),
)
const { port: number } = await server.listen(0)

function tell(told: Told): void {
  process.send?.(told)
}

process.on('message', ({ revoke }: Order) => {
  const calledAt = process.hrtime.bigint()
  server.revoke({ user: revoke, reason: 'measured' }).then(
    ({ closed }) =>
      tell({ calledAt: String(calledAt), tookMs: Number(process.hrtime.bigint() - calledAt) / 1e6, closed }),
    (error: unknown) => {
      throw error
    },
  )
})
process.on('disconnect', () => process.exit())
tell({ number })
