import { Button, Group, Loader, Text, Title } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import { ConnectionStatus } from '../live/connection-status.tsx'
import { Failure } from '../layout/live-region.tsx'
import { useSnapshot } from '../live/use-live.ts'
import { noFilter, type AuditChannel } from './audit-api.ts'
import { AuditFilters } from './audit-filters.tsx'
import { AuditTable } from './audit-table.tsx'
import { useAudit } from './use-audit.ts'

/** What has happened at the doors, followed live. */
export function AuditView({ channel }: { readonly channel: AuditChannel }): ReactNode {
  const snapshot = useSnapshot(channel)
  const [filter, setFilter] = useState(noFilter)
  const { entries, types, loading, failure, loadOlder } = useAudit(channel, snapshot.state === 'open', filter)
  return (
    <main className="admin-main" id="main">
      <title>Audit · Sallyport</title>
      <Group justify="space-between" mb="sm">
        <Title order={1} size="h3">
          Audit
        </Title>
        <ConnectionStatus snapshot={snapshot} />
      </Group>
      <Text size="sm" c="dimmed" mb="sm">
        Who came in, who was refused and why, and what administrators did: as it happens, without a secret in
        it.
      </Text>
      <AuditFilters types={types} filter={filter} onChange={setFilter} />
      <Failure message={failure} />
      <div
        className="audit-scroll focusable"
        role="region"
        aria-label="Events"
        tabIndex={0}
        aria-busy={loading}
      >
        {entries !== null && entries.length > 0 && <AuditTable entries={entries} />}
        {entries?.length === 0 && (
          <Text c="dimmed" py="md">
            {filter === noFilter
              ? 'Nothing has happened yet.'
              : 'No event is like that. New ones appear here as they happen.'}
          </Text>
        )}
      </div>
      <Group justify="center" mt="sm">
        {loading && <Loader size="sm" aria-label="Loading events" />}
        {loadOlder !== null && !loading && (
          <Button size="xs" variant="default" onClick={() => void loadOlder()}>
            Older events
          </Button>
        )}
        {loadOlder === null && entries !== null && entries.length > 0 && (
          <Text size="sm" c="dimmed">
            That is all that is kept.
          </Text>
        )}
      </Group>
    </main>
  )
}
