import type { ReactNode } from 'react'
import { useAction } from '../http/use-action.ts'
import { ConfirmButton } from '../layout/confirm-button.tsx'
import { Failure } from '../layout/live-region.tsx'
import { leaveRoom } from './rooms-api.ts'

/** Leaves a members-only room. */
export function LeaveButton({
  room,
  onLeft,
}: {
  readonly room: string
  readonly onLeft: () => void
}): ReactNode {
  const { busy, failure, run } = useAction()
  const leave = async (): Promise<void> => {
    if (await run(() => leaveRoom(room))) onLeft()
  }
  return (
    <div>
      <Failure message={failure} />
      <ConfirmButton
        label="Leave room"
        question="Leave this room?"
        busy={busy}
        onConfirm={() => void leave()}
      />
    </div>
  )
}
