import { keysIn, cardOf, standingQuestion } from './keys.js'
import { startNode, addressOf, dial } from './node.js'
const where = await (await fetch('/where')).json()
const keys = keysIn(localStorage)
document.title = cardOf(keys)
const standing = async () => (await (await fetch('/standing', { method: 'POST', body: JSON.stringify(standingQuestion(keys, where.peer)) })).json()).standing
const node = await startNode(keys)
for (;;) {
  const s = await standing()
  document.body.textContent = s
  if (s === 'browser') break
  await new Promise((resolve) => setTimeout(resolve, 300))
}
try {
const c = await dial(node, addressOf(where, location))
const rtt = await node.services.ping.ping(c.remotePeer)
const said = await node.services.identify.identify(c)
const stream = await c.newStream('/strata/view/1')
let text = ''
for await (const part of stream.source) text += new TextDecoder().decode(part.subarray())
document.body.textContent = JSON.stringify({ enc: c.encryption, rtt, protocols: said.protocols, text })
} catch (e) { document.body.textContent = 'error ' + e.stack }
