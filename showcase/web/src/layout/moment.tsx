import type { ReactNode } from 'react'
import { ago } from './ago.ts'

const whole = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })

/** A moment: as a date and a time, or how long ago when it is told what time it is. */
export function Moment({ at, now }: { readonly at: number; readonly now?: number }): ReactNode {
  const words = whole.format(at)
  return (
    <time dateTime={new Date(at).toISOString()} title={words}>
      {now === undefined ? words : ago(at, now)}
    </time>
  )
}
