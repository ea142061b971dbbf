// The mesh as a picture: members on a circle in the order of their names, the links between them, and what is weak.
const SVG = 'http://www.w3.org/2000/svg'
const [WIDTH, HEIGHT] = [360, 300]
const [ACROSS, DOWN] = [105, 110] // half axes of the ellipse that members lie on: names need room beside it
const NAMED = 24 // beyond them names would lie on each other
const KINDS = {
  alive: 'alive',
  weak: 'its loss would cut the mesh',
  silent: 'seen by others only',
  dead: 'dead'
}

// The picture, and a legend of what is in it.
export function picture ({ members, links, sentence }) {
  const nodes = members.filter(({ state }) => state in KINDS)
  const places = new Map(nodes.map(({ name }, at) => [name, place(at, nodes.length)]))
  const title = element('title', {}, `Picture of the mesh. ${sentence}`)
  const lines = links.filter(({ ends }) => ends.every((end) => places.has(end))).reverse().map(({ ends, weak }) => {
    const [[x1, y1], [x2, y2]] = ends.map((end) => places.get(end))
    return element('line', { x1, y1, x2, y2, class: weak ? 'weak' : 'link' })
  })
  const marks = nodes.map(({ name, state }) => mark(state, ...places.get(name)))
  const names = nodes.length > NAMED ? [] : nodes.map(({ name, state }) => label(name, state, places.get(name)))
  const drawn = element('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img' }, title, ...lines, ...marks, ...names)
  return [drawn, legend(nodes, links)]
}

function legend (nodes, links) {
  const used = Object.keys(KINDS).filter((kind) => nodes.some(({ state }) => state === kind))
  const entries = used.map((kind) => entry(KINDS[kind], mark(kind, 10, 10)))
  if (links.some(({ weak }) => weak)) {
    entries.push(entry('a link whose loss would cut it', element('line', { x1: 1, y1: 10, x2: 19, y2: 10, class: 'weak' })))
  }
  return entries
}

function entry (words, shape) {
  const item = document.createElement('li')
  item.append(element('svg', { viewBox: '0 0 20 20', 'aria-hidden': 'true' }, shape), words)
  return item
}

function mark (state, x, y) {
  if (state === 'dead') return element('path', { d: `M${x - 6} ${y - 6}l12 12m0-12l-12 12`, class: 'dead' })
  if (state === 'weak') return element('path', { d: `M${x} ${y - 9}l9 9-9 9-9-9Z`, class: 'weak-member' })
  return element('circle', { cx: x, cy: y, r: 7, class: state })
}

function label (name, state, [x, y]) {
  const across = (x - WIDTH / 2) / ACROSS
  const down = (y - HEIGHT / 2) / DOWN
  const side = Math.abs(across) < 0.2 ? 'middle' : across > 0 ? 'start' : 'end'
  const short = name.length > 11 ? `${name.slice(0, 10)}\u2026` : name
  const at = { x: round(x + 14 * across), y: round(y + 4 + 17 * down), 'text-anchor': side }
  return element('text', { ...at, class: state === 'dead' ? 'dead' : 'name' }, short)
}

function place (at, count) {
  const angle = 2 * Math.PI * at / Math.max(count, 1)
  return [round(WIDTH / 2 + ACROSS * Math.sin(angle)), round(HEIGHT / 2 - DOWN * Math.cos(angle))]
}

const round = (number) => Math.round(number * 10) / 10

function element (name, attributes, ...children) {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}
