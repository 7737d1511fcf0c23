const shapes = [
  // a signed token
  /eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}/,
  // what rides in a subprotocol
  /sallyport\.(?:bearer|ticket|api-key|basic)\.[\w-]{8,}/,
  // the cookies of the sites that tests start
  /(?:session_token|session-token|connect\.sid|sessionid)=[^;\s]{8,}/,
]

/** Whether something is written like a credential, whosever it is. */
export function holdsCredential(text: string): boolean {
  return shapes.some((shape) => shape.test(text))
}
