/**
 * The nonce of this page's Content-Security-Policy, which style elements made at run time must carry; empty where the
 * page was served without a policy. Browsers hide it from the attribute, but not from the property.
 */
export function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? ''
}
