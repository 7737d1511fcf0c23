import { ActionIcon, type MantineColorScheme, useMantineColorScheme } from '@mantine/core'
import type { ReactNode } from 'react'

const next: Readonly<Record<MantineColorScheme, { readonly to: MantineColorScheme; readonly icon: string }>> =
  {
    auto: { to: 'light', icon: '◐' },
    light: { to: 'dark', icon: '☀' },
    dark: { to: 'auto', icon: '☾' },
  }
const names = { auto: 'as the system', light: 'light', dark: 'dark' } as const

/** Switches between the system's colours, light and dark. */
export function ColourSchemeSwitch(): ReactNode {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const { to, icon } = next[colorScheme]
  const label = `Colours: ${names[colorScheme]}. Change to ${names[to]}.`
  return (
    <ActionIcon
      variant="default"
      size="lg"
      aria-label={label}
      title={label}
      onClick={() => setColorScheme(to)}
    >
      <span aria-hidden>{icon}</span>
    </ActionIcon>
  )
}
