// What the browser says with the host: `strata.mesh.page.streams` is the other side.
const VIEW = '/strata/view/1'
const ASK = '/strata/ask/1'
const MOST_BYTES = 1 << 20 // of all that comes on a stream

export class Refused extends Error {}

// What the host tells of the mesh. Throws Refused with its reason.
export async function view (connection, signal) {
  const stream = await connection.newStream(VIEW, { signal })
  const stop = () => stream.abort(new Error('stopped'))
  signal.addEventListener('abort', stop)
  try {
    for await (const message of messages(stream)) return message
    throw new Error('the host said nothing')
  } finally {
    signal.removeEventListener('abort', stop)
    await stream.close().catch(() => {})
  }
}

// What becomes of a question, message by message: { waiting }, { text }, { done }. Aborting the signal ends the answer.
// Throws Refused with the host's reason.
export async function * ask (connection, question, signal) {
  const stream = await connection.newStream(ASK, { signal })
  const stop = () => stream.abort(new Error('stopped'))
  signal.addEventListener('abort', stop)
  let over
  const open = new Promise((resolve) => { over = resolve })
  stream.sink((async function * () {
    yield new TextEncoder().encode(JSON.stringify(question) + '\n')
    await open // closing this side would end the answer
  })()).catch(() => {})
  try {
    yield * messages(stream)
  } finally {
    signal.removeEventListener('abort', stop)
    over()
    await stream.close().catch(() => {})
  }
}

async function * messages (stream) {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let text = ''
  let bytes = 0
  for await (const part of stream.source) {
    bytes += part.length
    if (bytes > MOST_BYTES) {
      stream.abort(new Error('too long'))
      throw new Error('the host said more than it may')
    }
    text += decoder.decode(part.subarray(), { stream: true })
    const lines = text.split('\n')
    text = lines.pop()
    for (const line of lines) {
      const message = JSON.parse(line)
      if (message.refused != null) throw new Refused(message.refused)
      yield message
    }
  }
}
