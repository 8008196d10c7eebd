// What can follow what is typed: commands after /, people after @; and which of it the arrows are at.
import { useState } from 'react'
import { useWorkspace } from './workspace.js'

const MENTION = /(?:^|(?<=[\s(]))@([\w-]*)$/

/** `thread`: commands cannot be used there. */
export function useOffered(text, caret, thread) {
  const workspace = useWorkspace()
  const [active, setActive] = useState(-1)
  const [dismissed, setDismissed] = useState(null)
  const mention = MENTION.exec(text.slice(0, caret))
  const what = mention ? 'People' : !thread && text.startsWith('/') ? 'Commands' : null
  const all = text === dismissed || !what ? [] : mention ? people(workspace, mention) : commands(workspace, text)
  const at = Math.min(active, all.length - 1)
  const handles = (event, pick) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    // Tab completes a name that was begun, as in Slack.
    const picked = at >= 0 ? all[at] : event.key === 'Tab' && !event.shiftKey && mention?.[1] ? all[0] : null
    if (step) setActive(at < 0 && step < 0 ? all.length - 1 : (at + step + all.length) % all.length)
    else if (event.key === 'Escape') setDismissed(text)
    else if (['Enter', 'Tab'].includes(event.key) && picked) pick(picked)
    else {
      setActive(-1)
      return false
    }
    event.preventDefault()
    return true
  }
  const dismiss = (form = text) => {
    setActive(-1)
    setDismissed(form)
  }
  return { what, list: all, active: at, handles, dismiss }
}

function commands({ offers }, text) {
  const typed = text.toLowerCase()
  const all = [
    ...offers.commands.map((one) => ({ form: one.name, does: one.does })),
    ...offers.forms,
    ...offers.shortcuts.filter((one) => one.on === 'global').map((one) => ({ form: `/${one.name}`, ...one })),
  ]
  return all.filter((one) => one.form.toLowerCase().startsWith(typed) && one.form !== text)
}

/** The bot first. `from`, `to`: the part of the text that the name takes the place of. */
function people({ people, bot }, { 0: token, 1: typed, index }) {
  const begins = (name) => name.toLowerCase().startsWith(typed.toLowerCase())
  return people
    .filter((one) => begins(one.name) || one.real_name.split(' ').some(begins))
    .sort((one, other) => (other.id === bot) - (one.id === bot))
    .map((one) => ({
      form: `@${one.name}`,
      does: one.bot ? `${one.real_name} · app` : one.real_name,
      from: index,
      to: index + token.length,
    }))
}
