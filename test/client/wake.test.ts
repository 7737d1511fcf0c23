import { describe, expect, test, vi } from 'vitest'
import { onWake } from '../../src/client/wake.ts'

class Page extends EventTarget {
  visibilityState = 'visible'
}

class Window extends EventTarget {
  readonly document: Page = new Page()
}

describe('waking', () => {
  test('the network is back', () => {
    const scope = new Window()
    const run = vi.fn()
    onWake(run, scope)
    scope.dispatchEvent(new Event('online'))
    expect(run).toHaveBeenCalledOnce()
  })

  test('the page is looked at again', () => {
    const scope = new Window()
    const run = vi.fn()
    onWake(run, scope)
    scope.document.visibilityState = 'hidden'
    scope.document.dispatchEvent(new Event('visibilitychange'))
    expect(run).not.toHaveBeenCalled()
    scope.document.visibilityState = 'visible'
    scope.document.dispatchEvent(new Event('visibilitychange'))
    expect(run).toHaveBeenCalledOnce()
  })

  test('nothing is heard once stopped', () => {
    const scope = new Window()
    const run = vi.fn()
    onWake(run, scope)()
    scope.dispatchEvent(new Event('online'))
    scope.document.dispatchEvent(new Event('visibilitychange'))
    expect(run).not.toHaveBeenCalled()
  })

  test('a runtime without these events does no harm', () => {
    expect(onWake(() => {}, {})).not.toThrow()
  })
})
