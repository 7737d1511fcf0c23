import { Button, Group, NativeSelect, TextInput } from '@mantine/core'
import type { ReactNode } from 'react'
import { fieldsOf } from '../layout/form.tsx'
import { type AuditFilter, noFilter } from './audit-api.ts'

/** What the form is given. */
export interface AuditFiltersProps {
  readonly types: readonly string[]
  readonly filter: AuditFilter
  readonly onChange: (filter: AuditFilter) => void
}

/** Which events to show: by type, by person, by time. */
export function AuditFilters({ types, filter, onChange }: AuditFiltersProps): ReactNode {
  const chosen = filter.type
  const names = chosen === '' || types.includes(chosen) ? types : [chosen, ...types]
  return (
    <form
      aria-label="Filter events"
      onSubmit={(event) => {
        event.preventDefault()
        onChange(filterOf(event.currentTarget))
      }}
      onReset={() => onChange(noFilter)}
    >
      <Group align="flex-end" gap="xs">
        <NativeSelect
          size="xs"
          name="type"
          label="Event"
          data={[{ value: '', label: 'all' }, ...names]}
          value={chosen}
          onChange={(event) => onChange({ ...filter, type: event.currentTarget.value })}
        />
        <TextInput
          size="xs"
          name="person"
          label="Person"
          placeholder="name, user name or id"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          maxLength={100}
          defaultValue={filter.person}
        />
        <TextInput size="xs" name="from" type="datetime-local" label="From" />
        <TextInput size="xs" name="to" type="datetime-local" label="To" />
        <Button type="submit" size="xs" variant="light">
          Show
        </Button>
        <Button type="reset" size="xs" variant="default">
          Show all
        </Button>
      </Group>
    </form>
  )
}

function filterOf(form: HTMLFormElement): AuditFilter {
  const { type = '', person = '', from = '', to = '' } = fieldsOf(form)
  // a minute is meant whole
  const end = moment(to)
  return { type, person: person.trim(), from: moment(from), to: end === null ? null : end + 59_999 }
}

/** What the field says, in the time of this browser. */
function moment(text: string): number | null {
  const at = text === '' ? Number.NaN : new Date(text).getTime()
  return Number.isNaN(at) ? null : at
}
