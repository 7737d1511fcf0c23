/** Why sessions end, by the path below /api/auth that ends them: the people at their other end are told. */
export const endReasons: Readonly<Record<string, string | undefined>> = {
  '/sign-out': 'you signed out',
  '/revoke-session': 'this device was signed out from another one',
  '/revoke-sessions': 'you signed out everywhere',
  '/revoke-other-sessions': 'you signed out everywhere else',
  '/change-password': 'the password was changed',
  '/admin/set-user-password': 'an administrator set a new password',
  '/admin/revoke-user-session': 'an administrator signed this device out',
  '/admin/revoke-user-sessions': 'an administrator signed you out everywhere',
}
