/**
 * The testing kit: handshakes without a network, refusals as the wire shows them, a clock that a test moves,
 * a layer that a test can cut.
 */
export { type TestClock, testClock } from './testing/clock.ts'
export { type Ask, type RefreshAnswer } from './testing/test-socket.ts'
export { type TestLayer, testLayer } from './testing/layer.ts'
export { VisitRefused } from './testing/visit-refused.ts'
export { testServer, visit, type TestVisitor, type Who } from './testing/visit.ts'
