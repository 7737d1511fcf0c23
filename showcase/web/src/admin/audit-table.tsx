import { Badge, Button, Code, Text } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import { Moment } from '../layout/moment.tsx'
import { follow } from '../routing/follow.ts'
import type { AuditEntry } from './audit-api.ts'

/** Events as a table; on a narrow screen each is a card. */
export function AuditTable({ entries }: { readonly entries: readonly AuditEntry[] }): ReactNode {
  return (
    <table className="audit">
      <thead>
        <tr>
          <th scope="col">Time</th>
          <th scope="col">Event</th>
          <th scope="col">Who</th>
          <th scope="col">Where</th>
          <th scope="col">From</th>
          <th scope="col">Outcome</th>
          <th scope="col">Details</th>
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => (
          <AuditRow key={entry.id} entry={entry} />
        ))}
      </tbody>
    </table>
  )
}

const tones: Readonly<Record<string, string>> = {
  accepted: 'green',
  denied: 'red',
  revoked: 'red',
  kicked: 'red',
  expired: 'orange',
  evicted: 'orange',
  limited: 'orange',
  'refresh-refused': 'orange',
  'refused-message': 'orange',
}

function AuditRow({ entry }: { readonly entry: AuditEntry }): ReactNode {
  const { at, type, contract, address, status, code } = entry
  return (
    <tr>
      <td data-label="Time" className="audit-time">
        <Moment at={at} />
      </td>
      <td data-label="Event">
        <Badge
          size="sm"
          variant="light"
          className="mark tone"
          color={tones[type] ?? (type.startsWith('admin-') ? 'grape' : 'gray')}
        >
          {type}
        </Badge>
      </td>
      <td data-label="Who">
        <Subject entry={entry} />
      </td>
      <td data-label="Where">{contract === null ? '–' : placeOf(entry, contract)}</td>
      <td data-label="From">{address ?? '–'}</td>
      <td data-label="Outcome">{[status, code].filter((part) => part !== null).join(' ') || '–'}</td>
      <td data-label="Details">
        <Details entry={entry} />
      </td>
    </tr>
  )
}

function Subject({ entry }: { readonly entry: AuditEntry }): ReactNode {
  const { subject, name, username } = entry
  if (subject === null) return '–'
  if (name === null) return <span className="anywhere">{subject}</span>
  return (
    <a href={`/admin/people/${encodeURIComponent(subject)}`} onClick={follow} className="focusable">
      {name}
      {username !== null && ` (${username})`}
    </a>
  )
}

/** The path where it is known, or the contract's. */
function placeOf({ detail }: AuditEntry, contract: string): ReactNode {
  const path = detail['path']
  return <span className="anywhere">{typeof path === 'string' ? path : contract}</span>
}

function Details({ entry: { ref, detail } }: { readonly entry: AuditEntry }): ReactNode {
  const [shown, setShown] = useState(false)
  const lines = Object.entries(detail)
  if (ref === null && lines.length === 0) return '–'
  return (
    <>
      <Button size="compact-xs" variant="subtle" aria-expanded={shown} onClick={() => setShown(!shown)}>
        {shown ? 'Less' : 'More'}
      </Button>
      {shown && (
        <dl className="audit-details">
          {ref !== null && <Detail name="reference" value={ref} />}
          {lines.map(([name, value]) => (
            <Detail
              key={name}
              name={name}
              value={typeof value === 'string' ? value : JSON.stringify(value)}
            />
          ))}
        </dl>
      )}
    </>
  )
}

function Detail({ name, value }: { readonly name: string; readonly value: string }): ReactNode {
  return (
    <div>
      <Text component="dt" size="xs" c="dimmed">
        {name}
      </Text>
      <dd>
        <Code className="anywhere">{value}</Code>
      </dd>
    </div>
  )
}
