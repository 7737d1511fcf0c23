import { Alert } from '@mantine/core'
import type { ReactNode } from 'react'

/** What has been done, read out when it appears; nothing for `null`. */
export function Notice({ message }: { readonly message: string | null }): ReactNode {
  return (
    <div role="status" className="notice">
      {message !== null && (
        <Alert color="green" variant="light" p="xs" role="presentation">
          {message}
        </Alert>
      )}
    </div>
  )
}
