/** What a visitor can try, and what it shows. */
export const demonstrations: readonly { readonly title: string; readonly text: string }[] = [
  {
    title: 'No stranger listens in',
    text: 'Open the address of a members-only room as another person: the socket is refused before any of its code runs, and you are told why.',
  },
  {
    title: 'Reading is not writing',
    text: 'In a read-only room everyone hears, and only owners speak. The grant decides on the server; the page only shows it.',
  },
  {
    title: 'A line may break',
    text: 'Stop the server and start it again: the page counts down, comes back by itself with a fresh credential, and shows what was said meanwhile.',
  },
  {
    title: 'Nothing secret in a URL',
    text: 'The page asks for a ticket that is good once and for half a minute, and carries it in the list of subprotocols, where no access log keeps it.',
  },
  {
    title: 'Signed out means out',
    text: 'Sign in on two browsers, open a room in one, and sign that one out from the account page of the other: its socket closes at once, and says why.',
  },
  {
    title: 'A ban does not wait',
    text: 'Ban or demote someone from the console while they are typing: the room locks under their hands, with the reason, and what they wrote stays.',
  },
]
