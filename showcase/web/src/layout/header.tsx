import { Anchor, Group, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { follow } from '../routing/follow.ts'
import { useSession } from '../session/session.ts'
import { isAdmin } from '../session/session-api.ts'
import { SignOutButton } from '../session/sign-out-button.tsx'
import { ColourSchemeSwitch } from './colour-scheme-switch.tsx'
import { Logo } from './logo.tsx'

/** What stands on top of every page: where one is, who one is, colours. */
export function Header({ children }: { readonly children?: ReactNode }): ReactNode {
  const { user } = useSession()
  return (
    <Group component="header" className="header" justify="space-between" wrap="nowrap" gap="xs">
      <Group gap="xs" wrap="nowrap" miw={0}>
        {children}
        <Anchor href="/" onClick={follow} underline="never" c="inherit" className="brand">
          <Logo />
          <Text span fw={700} visibleFrom="xs">
            Sallyport
          </Text>
        </Anchor>
      </Group>
      <Group gap="xs" wrap="nowrap" miw={0}>
        {user && (
          <>
            {isAdmin(user) && (
              <Anchor href="/admin" onClick={follow} size="sm" c="inherit">
                Admin
              </Anchor>
            )}
            <Anchor
              href="/account"
              onClick={follow}
              size="sm"
              c="inherit"
              className="own-name"
              title={`Your account${user.username ? `: ${user.username}` : ''}`}
            >
              {user.name}
            </Anchor>
            <SignOutButton />
          </>
        )}
        <ColourSchemeSwitch />
      </Group>
    </Group>
  )
}
