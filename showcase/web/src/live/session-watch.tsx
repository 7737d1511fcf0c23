import type { Client, Channel } from 'sallyport/client'
import { type ReactNode, useEffect } from 'react'
import { account } from '../../../src/account/contract.ts'
import { useSessionEnd } from './use-session-end.ts'
import { useLive, useSnapshot } from './use-live.ts'

type AccountChannel = Channel<typeof account>

/** What is done when something about one's own account has changed. */
export interface SessionWatchProps {
  /** Sessions or sockets have come or gone. */
  readonly onChange?: () => Promise<void>
}

/**
 * Listens to one's own account on a page that has no other socket, so that a session that is ended elsewhere ends here
 * at once. Shows nothing.
 */
export function SessionWatch({ onChange }: SessionWatchProps): ReactNode {
  const { channel, reopen } = useLive(openAccount)
  return channel && <Watching channel={channel} reopen={reopen} onChange={onChange} />
}

function openAccount(app: Client): AccountChannel {
  return app.open(account)
}

interface WatchingProps {
  readonly channel: AccountChannel
  readonly reopen: () => void
  readonly onChange: SessionWatchProps['onChange']
}

function Watching({ channel, reopen, onChange }: WatchingProps): ReactNode {
  const { state, denial } = useSnapshot(channel)
  // a ban ends the session as well: on a page without a room the sign-in card says it
  useSessionEnd(denial && { ...denial, status: 401 }, reopen)
  useEffect(
    () => (onChange === undefined ? undefined : channel.on('changed', () => void onChange())),
    [channel, onChange],
  )
  useEffect(() => {
    // what was missed while the line was away
    if (state === 'open') void onChange?.()
  }, [state, onChange])
  return null
}
