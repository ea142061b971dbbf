// What the page shows. Everything that comes from elsewhere is put in as text, never as markup.
import { picture } from './picture.js'

const by = (id) => document.getElementById(id)
const STATES = {
  alive: 'alive', weak: 'weak spot', silent: 'seen by others', dead: 'dead', here: 'here', away: 'away', unknown: ''
}
const SAID = {
  stranger: 'This browser is not a member of the mesh.',
  other: 'This browser’s key belongs to a member of another role: the owner has to invite it as a browser.',
  revoked: 'This browser was revoked: its key is shut out of the mesh.',
  connecting: 'This browser is a member. Connecting …',
  unreachable: 'The machine behind this page does not answer. Trying again …'
}

export function showState (state, detail) {
  const place = by('state')
  place.dataset.state = state
  place.textContent = detail ?? SAID[state]
  by('join').hidden = state !== 'stranger' && state !== 'other'
  by('again').hidden = state !== 'revoked'
  if (state !== 'here') {
    by('mesh').hidden = true
    by('ask').hidden = true
  }
}

export function showCommand (card) {
  by('command').textContent = `strata mesh invite ${card} --name phone --role browser`
}

export function showView (view) {
  showState('here', `Connected as ${view.you}.`)
  by('mesh').hidden = false
  by('ask').hidden = !view.answers
  by('sentence').textContent = `${view.sentence}.`
  const [drawn, legend] = picture(view)
  by('picture').replaceChildren(drawn)
  by('legend').replaceChildren(...legend)
  by('listed').textContent = `All ${view.members.length} members`
  by('members').replaceChildren(...view.members.map((member) => row(member, view.you)))
  const { uptime } = view
  by('uptime').textContent = uptime == null
    ? 'No sweep has been kept yet, so nothing is known of its uptime.'
    : `In ${uptime.sweeps} ${uptime.sweeps === 1 ? 'sweep' : 'sweeps'}, ${(100 * uptime.share).toFixed(2)}% of the ordered pairs of living members had a path.`
  by('seen').textContent = `Asked at ${new Date(1000 * view.at).toLocaleTimeString()}.`
}

export function showTrouble (reason) {
  by('seen').textContent = reason
  by('mesh').hidden = false
}

function row ({ name, roles, state, links, rtt_seconds: seconds }, you) {
  const made = document.createElement('tr')
  const named = document.createElement('th')
  named.scope = 'row'
  named.textContent = name === you ? `${name} (you)` : name
  const cells = [STATES[state] || roles.join(', '), links ?? '', seconds == null ? '' : `${(1000 * seconds).toFixed(1)} ms`]
  made.append(named, ...cells.map((text) => {
    const cell = document.createElement('td')
    cell.textContent = text
    return cell
  }))
  made.children[1].className = state
  return made
}

// The form: `asked(prompt, signal)` gives messages, see talk.js.
export function onQuestion (asked) {
  const [form, send, stop, answer, progress] = ['question', 'send', 'stop', 'answer', 'progress'].map(by)
  const say = (kind, text) => { progress.dataset.kind = kind; progress.textContent = text }
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    const stopping = new AbortController()
    stop.onclick = () => stopping.abort()
    send.disabled = true
    stop.hidden = false
    answer.textContent = ''
    say('asking', 'Asking …')
    try {
      for await (const message of asked(by('prompt').value, stopping.signal)) {
        if (message.waiting != null) say('waiting', `Waiting: ${message.waiting} before you.`)
        if (message.text != null) { say('answering', 'Answering …'); answer.append(message.text) }
        if (message.done != null) say('done', `${message.done.tokens} tokens in ${message.done.seconds.toFixed(1)} s.`)
      }
      if (progress.dataset.kind !== 'done') say('refused', 'The answer was cut off.')
    } catch (error) {
      if (stopping.signal.aborted) say('stopped', 'Stopped.')
      else say('refused', error.message)
    } finally {
      send.disabled = false
      stop.hidden = true
    }
  })
}

export function onCopy () {
  const button = by('copy')
  // Only a page that came over TLS, or from this machine, may write to the clipboard.
  button.hidden = navigator.clipboard == null
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(by('command').textContent)
    button.textContent = 'Copied'
  })
}

export function onRenew (renew) {
  by('renew').addEventListener('click', renew)
}
