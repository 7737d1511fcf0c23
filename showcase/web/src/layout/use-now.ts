import { useEffect, useState } from 'react'

/** The time, twice a second while it is wanted. Milliseconds since 1970. */
export function useNow(wanted: boolean): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    if (!wanted) return undefined
    const tick = (): void => setNow(Date.now())
    tick()
    const timer = setInterval(tick, 500)
    return () => clearInterval(timer)
  }, [wanted])
  return now
}
