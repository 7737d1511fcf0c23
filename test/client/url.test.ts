import { afterEach, describe, expect, test, vi } from 'vitest'
import { endpointUrl } from '../../src/client/url.ts'

describe('the address of an endpoint', () => {
  afterEach(() => vi.unstubAllGlobals())

  test.each([
    ['wss://app.example', 'wss://app.example/ws/chat/caf%C3%A9'],
    ['https://app.example', 'wss://app.example/ws/chat/caf%C3%A9'],
    ['http://127.0.0.1:8000/', 'ws://127.0.0.1:8000/ws/chat/caf%C3%A9'],
    ['https://app.example/realtime/', 'wss://app.example/realtime/ws/chat/caf%C3%A9'],
  ])('from %s', (base, href) => {
    expect(endpointUrl(base, '/ws/chat/caf%C3%A9').href).toBe(href)
  })

  test('an empty base is the origin of the page', () => {
    vi.stubGlobal('location', { origin: 'https://page.example' })
    expect(endpointUrl('', '/ws/x').href).toBe('wss://page.example/ws/x')
  })

  test('an empty base without a page is refused', () => {
    expect(() => endpointUrl('', '/ws/x')).toThrow(/pass the client's 'url'/)
  })

  test.each([
    'ftp://app.example',
    'app.example',
    'wss://a:hunter2@b',
    'wss://a?token=hunter2',
    'wss://a#hunter2',
  ])('a base that is no plain address is refused and not repeated (%#)', (base) => {
    const refused = (): URL => endpointUrl(base, '/ws/x')
    expect(refused).toThrow(TypeError)
    expect(refused).not.toThrow(/hunter2|app\.example/)
  })
})
