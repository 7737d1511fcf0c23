import { Alert } from '@mantine/core'
import type { ReactNode } from 'react'

/** Why something has failed, read out when it appears; nothing for `null`. */
export function Failure({ message }: { readonly message: string | null }): ReactNode {
  return (
    <div role="alert" className="notice">
      {message !== null && (
        <Alert color="red" variant="light" p="xs" role="presentation">
          {message}
        </Alert>
      )}
    </div>
  )
}
