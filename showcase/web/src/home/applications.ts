/** The applications that the entrance links to. */
export const applications: readonly {
  readonly href: string
  readonly title: string
  readonly text: string
  /** What the link says. */
  readonly open: string
  readonly forAdmins: boolean
}[] = [
  {
    href: '/chat',
    title: 'Chat',
    text: 'Public, members-only and read-only rooms; who is here, who is typing, and what was said before.',
    open: 'Open the chat',
    forAdmins: false,
  },
  {
    href: '/account',
    title: 'Account',
    text: 'Every device that you are signed in on, and what is open there. Sign one out, or all, and watch it happen.',
    open: 'Open the account',
    forAdmins: false,
  },
  {
    href: '/admin',
    title: 'Admin',
    text: 'People and their open sockets: ban, demote, kick. And the audit of both doors, as it happens.',
    open: 'Open the console',
    forAdmins: true,
  },
]
