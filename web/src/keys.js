// Who this browser is: an Ed25519 key, and the card that says so in the form that `strata mesh invite` takes.
//
// A card also names an X25519 key for Noise XK. A browser speaks libp2p's /noise, which has no use for it, so the
// private half is thrown away as soon as it is made: nobody can speak XK in this browser's name.
import { ed25519, x25519 } from '@noble/curves/ed25519'
import { base58btc } from 'multiformats/bases/base58'
import { base64url } from 'multiformats/bases/base64'

const BINDING = new TextEncoder().encode('strata:x25519-static-key:v1\0')
const STANDING = new TextEncoder().encode('strata:standing:v1\0')
// Identity multihash (code 0, length 36) of the protobuf PublicKey{Type: Ed25519 (1), Data: 32 bytes}.
const PEER_ID = Uint8Array.from([0x00, 0x24, 0x08, 0x01, 0x12, 0x20])
const SLOT = 'strata-keys-v1'

// The keys that `storage` (localStorage) holds; new ones the first time.
export function keysIn (storage) {
  const kept = read(storage.getItem(SLOT))
  if (kept != null) return kept
  const made = {
    seed: ed25519.utils.randomPrivateKey(),
    staticKey: x25519.getPublicKey(x25519.utils.randomPrivateKey())
  }
  storage.setItem(SLOT, JSON.stringify({ seed: text(made.seed), staticKey: text(made.staticKey) }))
  return made
}

// Forget the keys: the next ones are new.
export function forget (storage) {
  storage.removeItem(SLOT)
}

// What `strata.secure.PeerCard.to_text` gives.
export function cardOf ({ seed, staticKey }) {
  const publicKey = ed25519.getPublicKey(seed)
  const signature = ed25519.sign(joined(BINDING, publicKey, staticKey), seed)
  return `strata-card-v1:${peerIdOf(publicKey)}:${text(staticKey)}:${text(signature)}`
}

// With what this browser asks the page of `host` (a peer id) how it stands in the mesh.
export function standingQuestion ({ seed }, host) {
  const publicKey = ed25519.getPublicKey(seed)
  const signature = ed25519.sign(joined(STANDING, publicKeyOf(host)), seed)
  return { peer: peerIdOf(publicKey), signature: text(signature) }
}

const peerIdOf = (publicKey) => base58btc.baseEncode(joined(PEER_ID, publicKey))
const publicKeyOf = (peerId) => base58btc.baseDecode(peerId).subarray(PEER_ID.length)
const text = (bytes) => base64url.baseEncode(bytes)

function joined (...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  parts.reduce((at, part) => { whole.set(part, at); return at + part.length }, 0)
  return whole
}

function read (kept) {
  if (kept == null) return null
  const { seed, staticKey } = JSON.parse(kept)
  return { seed: base64url.baseDecode(seed), staticKey: base64url.baseDecode(staticKey) }
}
