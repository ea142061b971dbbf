// The page: it asks how this browser stands in the mesh until it is let in, and then connects and stays so.
import { cardOf, forget, keysIn, standingQuestion } from './keys.js'
import { addressOf, connect, startNode } from './node.js'
import { onCopy, onQuestion, onRenew, showCommand, showState, showTrouble, showView } from './page.js'
import { Refused, ask, view } from './talk.js'

const AGAIN_SECONDS = 2
const VIEW_SECONDS = 10
const REQUEST_SECONDS = 10

const keys = keysIn(localStorage)
let live = null // the connection, while there is one
let loaded = null // where the host was when this page was loaded

async function fetched (path, body) {
  const request = body == null ? {} : { method: 'POST', body: JSON.stringify(body) }
  const response = await fetch(path, { ...request, signal: AbortSignal.timeout(REQUEST_SECONDS * 1000) })
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return response.json()
}

// Wait, but not while there is something to do: the page is shown again, the network is back, or the signal is aborted.
async function pause (seconds, stop = new AbortController().signal) {
  const woken = new AbortController()
  const wake = () => woken.abort()
  const once = { signal: woken.signal }
  document.addEventListener('visibilitychange', () => { if (!document.hidden) wake() }, once)
  window.addEventListener('online', wake, once)
  stop.addEventListener('abort', wake, once)
  if (stop.aborted) return
  setTimeout(wake, seconds * 1000)
  await new Promise((resolve) => woken.signal.addEventListener('abort', resolve))
}

// Show the mesh for as long as the connection lives; whether it did at all.
async function stay ({ connection, ended }) {
  live = connection
  let shown = false
  while (!ended.aborted) {
    try {
      showView(await view(connection, AbortSignal.any([ended, AbortSignal.timeout(4 * REQUEST_SECONDS * 1000)])))
      shown = true
    } catch (error) {
      if (!(error instanceof Refused)) {
        connection.abort(error)
        break
      }
      showTrouble(error.message)
    }
    await pause(VIEW_SECONDS, ended)
  }
  live = null
  return shown
}

async function run () {
  showCommand(cardOf(keys))
  const node = await startNode(keys)
  for (;;) {
    try {
      const where = await fetched('/where')
      loaded ??= where
      if (where.peer !== loaded.peer || where.port !== loaded.port || where.address !== loaded.address) {
        location.reload() // the policy of this page lets it connect to the old place only
        return
      }
      const { standing } = await fetched('/standing', standingQuestion(keys, where.peer))
      showState(standing === 'browser' ? 'connecting' : standing)
      if (standing === 'browser' && await stay(await connect(node, addressOf(where, location)))) continue
    } catch (error) {
      console.warn(error)
      showState('unreachable')
    }
    await pause(AGAIN_SECONDS)
  }
}

onCopy()
onRenew(() => { forget(localStorage); location.reload() })
onQuestion((prompt, signal) => {
  if (live == null) throw new Error('There is no connection to the mesh now.')
  return ask(live, { prompt }, signal)
})
run()
