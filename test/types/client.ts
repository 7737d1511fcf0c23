import { expectTypeOf } from 'vitest'
import { WebSocket as PackagedWebSocket } from 'ws'
import { bearer, client, headers, type Channel, query, ticket } from '../../src/client/index.ts'
import { article, chat, game, log, notes } from '../client/contracts.ts'

const app = client({ url: 'wss://app.example', credentials: bearer(() => 'token') })
client()
client({ WebSocket })
client({ WebSocket: PackagedWebSocket })
client({ backoff: { min: '1s', max: 30_000, random: () => 0.5 }, queue: 10, timeout: '5s' })
client({ credentials: ticket('/api/ticket') })
client({ credentials: query('token', async () => null) })
client({ credentials: headers(() => ({ authorization: 'Bearer x' })) })
// @ts-expect-error no such unit
client({ timeout: '5 parsecs' })
// @ts-expect-error a token is text
bearer(() => 5)

const lobby = app.open(chat, { room: 'lobby' })
expectTypeOf(lobby).toEqualTypeOf<Channel<typeof chat>>()
expectTypeOf(lobby.grant).toEqualTypeOf<{ canWrite: boolean } | undefined>()
// @ts-expect-error params missing
app.open(chat)
// @ts-expect-error param misspelt
app.open(chat, { rom: 'lobby' })
// @ts-expect-error param of the wrong type
app.open(chat, { room: 5 })
app.open(article)

lobby.on('said', (said) => expectTypeOf(said).toEqualTypeOf<{ from: string; text: string }>())
// @ts-expect-error unknown message type
lobby.on('sayd', () => {})
// @ts-expect-error what clients send is not heard
lobby.on('say', () => {})
// @ts-expect-error a named contract has no unnamed message
lobby.on('message', () => {})
// @ts-expect-error no such field
lobby.on('typing', ({ text }) => text)

await lobby.send('say', { text: 'hello' })
await lobby.send('say', { text: 'hello' }, { timeout: '2s', signal: AbortSignal.abort() })
// @ts-expect-error unknown message type
await lobby.send('shout', { text: 'hello' })
// @ts-expect-error the data of another message
await lobby.send('say', {})
// @ts-expect-error data of the wrong type
await lobby.send('say', { text: 5 })
// @ts-expect-error what servers send is not sent
await lobby.send('said', { from: 'Ada', text: 'hello' })
// @ts-expect-error no such option
await lobby.send('typing', {}, { tiemout: 5 })

const page = await lobby.call('history', { before: 'm-9' })
expectTypeOf(page).toEqualTypeOf<string[]>()
// @ts-expect-error unknown call
await lobby.call('histry', {})
// @ts-expect-error input of the wrong type
await lobby.call('history', { before: 5 })

const unnamed = app.open(article)
expectTypeOf(unnamed.grant).toEqualTypeOf<undefined>()
unnamed.on('message', (data) => expectTypeOf(data).toEqualTypeOf<{ message: string }>())
await unnamed.send({ message: 'hello' })
// @ts-expect-error an unnamed shape has no type
await unnamed.send('message', { message: 'hello' })
// @ts-expect-error a contract without calls
await unnamed.call('history', {})
// @ts-expect-error only 'message' is heard
unnamed.on('said', () => {})

const editor = app.open(notes)
editor.on('message', (bytes) => expectTypeOf(bytes).toEqualTypeOf<Uint8Array>())
await editor.send(new Uint8Array(1))
// @ts-expect-error bytes, not text
await editor.send('text')
app.open(log).on('message', (line) => expectTypeOf(line).toEqualTypeOf<string>())
const match = app.open(game)
match.on('snapshot', (bytes) => expectTypeOf(bytes).toEqualTypeOf<Uint8Array>())
await match.send('input', new Uint8Array(1))
// @ts-expect-error a binary message is bytes
await match.send('input', { keys: 1 })

// useSyncExternalStore takes both without `this`
const { subscribe, snapshot } = lobby
subscribe(() => {})()
expectTypeOf(snapshot().state).toEqualTypeOf<'connecting' | 'open' | 'waiting' | 'denied' | 'closed'>()
// @ts-expect-error nothing of it can be changed
snapshot().state = 'open'
