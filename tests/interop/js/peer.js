// js-libp2p as a peer to test against; it speaks in lines of JSON.
//   node peer.js listen SEED            listens on TCP and WebSocket until its input ends
//   node peer.js dial SEED ADDRESS MIB  dials, pings, identifies, and sends that much on one stream
import { createHash } from 'node:crypto'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import * as filters from '@libp2p/websockets/filters'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

const DIGEST = '/test/digest/1'
const BLOCK = Buffer.from(Array.from({ length: 65536 }, (_, index) => index % 256))
const [what, seed, address, mebibytes] = process.argv.slice(2)
const say = (message) => console.log(JSON.stringify(message))

const node = await createLibp2p({
  privateKey: await generateKeyPairFromSeed('Ed25519', Buffer.from(seed, 'hex')),
  addresses: { listen: what === 'listen' ? ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws'] : [] },
  transports: [tcp(), webSockets({ filter: filters.all })],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  connectionGater: { denyDialMultiaddr: () => false },
  services: { identify: identify(), ping: ping() }
})

await node.handle(DIGEST, async ({ stream }) => {
  const digest = createHash('sha256')
  for await (const data of stream.source) {
    for (const piece of data) digest.update(piece)
  }
  await stream.sink([digest.digest()])
})

async function dial () {
  const where = multiaddr(address)
  const connection = await node.dial(where, { signal: AbortSignal.timeout(20_000) })
  const roundTrip = await node.services.ping.ping(connection.remotePeer)
  const said = await node.services.identify.identify(connection)
  const stream = await connection.newStream(DIGEST)
  const expected = createHash('sha256')
  await stream.sink((function * () {
    for (let index = 0; index < mebibytes * 16; index++) {
      const block = Buffer.from(BLOCK)
      block.writeBigUInt64BE(BigInt(index))
      expected.update(block)
      yield block
    }
  })())
  const answer = []
  for await (const data of stream.source) answer.push(data.subarray())
  say({
    ping: roundTrip,
    protocols: said.protocols,
    encryption: connection.encryption,
    intact: Buffer.concat(answer).equals(expected.digest())
  })
}

if (what === 'listen') {
  say({ addresses: node.getMultiaddrs().map(String) })
  process.stdin.resume()
  await new Promise((resolve) => process.stdin.on('end', resolve))
} else {
  try {
    await dial()
  } catch (error) {
    say({ error: `${error.name}: ${error.message}` })
  }
}
await node.stop()
process.exit(0)
