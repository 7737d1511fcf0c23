import type { Client, Channel } from 'sallyport/client'
import { type ReactNode, useEffect } from 'react'
import { account } from '../../../src/account/contract.ts'
import { useFarewell } from './use-farewell.ts'
import { useLive, useSnapshot } from './use-live.ts'

type OpenedAccount = Channel<typeof account>

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
  const { opened, again } = useLive(openAccount)
  return opened && <Watching opened={opened} again={again} onChange={onChange} />
}

function openAccount(app: Client): OpenedAccount {
  return app.open(account)
}

interface WatchingProps {
  readonly opened: OpenedAccount
  readonly again: () => void
  readonly onChange: SessionWatchProps['onChange']
}

function Watching({ opened, again, onChange }: WatchingProps): ReactNode {
  const { state, denial } = useSnapshot(opened)
  // a ban ends the session as well: on a page without a room the first door says it
  const end = state === 'denied' && denial !== null ? { ...denial, status: 401 } : null
  useFarewell(end, again)
  useEffect(
    () => (onChange === undefined ? undefined : opened.on('changed', () => void onChange())),
    [opened, onChange],
  )
  useEffect(() => {
    // what was missed while the line was away
    if (state === 'open') void onChange?.()
  }, [state, onChange])
  return null
}
