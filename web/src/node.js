// This browser as a peer of libp2p: it dials the page's host, and nobody else.
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { webSockets } from '@libp2p/websockets'
import * as filters from '@libp2p/websockets/filters'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

const DIAL_SECONDS = 10

export async function startNode ({ seed }) {
  return createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', seed),
    addresses: { listen: [] },
    transports: [webSockets({ filter: filters.all })], // `all` takes /ws, which a page without TLS needs
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false }, // by default a browser dials no private address
    services: { identify: identify(), ping: ping() }
  })
}

// Where the host listens for browsers. It says so itself where something stands before it, else it is on the machine
// that the page came from.
export function addressOf ({ peer, port, address }, { hostname }) {
  if (address != null) return multiaddr(`${address}/p2p/${peer}`)
  const name = hostname.replace(/^\[|\]$/g, '')
  const kind = name.includes(':') ? 'ip6' : /^[0-9.]+$/.test(name) ? 'ip4' : 'dns'
  return multiaddr(`/${kind}/${name}/tcp/${port}/ws/p2p/${peer}`)
}

// A connection to the host; `ended` is aborted when it is closed.
export async function connect (node, address) {
  const connection = await node.dial(address, { signal: AbortSignal.timeout(DIAL_SECONDS * 1000) })
  const ended = new AbortController()
  const closed = ({ detail }) => {
    if (detail !== connection) return
    node.removeEventListener('connection:close', closed)
    ended.abort()
  }
  node.addEventListener('connection:close', closed)
  if (connection.status !== 'open') ended.abort()
  return { connection, ended: ended.signal }
}
