import { contract, event } from 'sallyport/contract'
import { z } from 'zod'

/**
 * The own account: says that sessions or sockets of the person have come or gone, so that a page reads them again.
 * What it says goes to every device of one person, and its end is how a page hears that it was signed out.
 */
export const account = contract('/ws/account', {
  server: { changed: event(z.object({}), { keep: false, slow: 'drop' }) },
})
