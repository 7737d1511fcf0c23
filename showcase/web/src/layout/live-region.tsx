import { Alert } from '@mantine/core'
import type { ReactNode } from 'react'

/** What is read out when it appears; nothing for `null`. */
export interface LiveRegionProps {
  readonly message: string | null
}

/** Why something has failed. */
export function Failure({ message }: LiveRegionProps): ReactNode {
  return <LiveRegion role="alert" color="red" message={message} />
}

/** What has been done. */
export function Notice({ message }: LiveRegionProps): ReactNode {
  return <LiveRegion role="status" color="green" message={message} />
}

function LiveRegion({
  role,
  color,
  message,
}: LiveRegionProps & { readonly role: 'alert' | 'status'; readonly color: string }): ReactNode {
  return (
    <div role={role} className="notice">
      {message !== null && (
        <Alert color={color} variant="light" p="xs" role="presentation">
          {message}
        </Alert>
      )}
    </div>
  )
}
