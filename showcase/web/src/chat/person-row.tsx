import { Group, Text, VisuallyHidden } from '@mantine/core'
import type { ReactNode } from 'react'
import { useAction } from '../http/use-action.ts'
import { ConfirmButton } from '../layout/confirm-button.tsx'
import { Failure } from '../layout/live-region.tsx'
import type { PersonInRoom } from './people.ts'
import { removeMember } from './rooms-api.ts'

/** What a row shows. */
export interface PersonRowProps {
  readonly person: PersonInRoom
  readonly me: boolean
  /** Where they may be removed from, and what to do then; `null` where one may not. */
  readonly remove: { readonly room: string; readonly done: () => Promise<void> } | null
}

/** One person of a room. */
export function PersonRow({ person, me, remove }: PersonRowProps): ReactNode {
  const { id, name, username, role, here } = person
  const { busy, failure, run } = useAction()
  return (
    <li className="person" data-here={here ?? undefined}>
      <Group gap="xs" wrap="nowrap">
        <span className="dot" aria-hidden />
        <div className="person-name">
          <Text size="sm" truncate title={name}>
            {name}
            {me && ' (you)'}
          </Text>
          {here !== null && <VisuallyHidden>{here ? 'is here' : 'is away'}</VisuallyHidden>}
          <Text size="xs" c="dimmed" truncate>
            {[username, role].filter((word) => word !== null).join(' · ')}
          </Text>
        </div>
        {remove !== null && (
          <ConfirmButton
            label="Remove"
            question={`Remove ${name}?`}
            busy={busy}
            onConfirm={() =>
              void run(async () => {
                await removeMember(remove.room, id)
                await remove.done()
              })
            }
          />
        )}
      </Group>
      <Failure message={failure} />
    </li>
  )
}
