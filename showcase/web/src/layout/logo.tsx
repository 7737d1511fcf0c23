import type { ReactNode } from 'react'

/** A gate with two doors, one behind the other. */
export function Logo({ size = 28 }: { readonly size?: number }): ReactNode {
  return <img src="/favicon.svg" width={size} height={size} alt="" />
}
