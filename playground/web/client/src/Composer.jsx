// The box to type in: / offers commands, Enter sends, files can be attached.
import { useId, useRef, useState } from 'react'
import { act, useWorkspace } from './workspace.js'

export function Composer({ channel, thread = null, label }) {
  const [text, setText] = useState('')
  const [files, setFiles] = useState([])
  const [trouble, setTrouble] = useState('')
  const offered = useOffered(text, thread)
  const box = useRef(null)
  const id = useId()
  const attempt = async (verb, ask, more) => {
    try {
      setTrouble('')
      await act(verb, ask, more)
      return true
    } catch (error) {
      setTrouble(error.message)
      return false
    }
  }
  const send = async () => {
    if (!text.trim() && files.length === 0) return
    const before = { text, files }
    setText('')
    setFiles([])
    const sent = await attempt('say', { channel: channel.id, text, thread }, { attached: files })
    if (!sent) {
      setText(before.text)
      setFiles(before.files)
    }
  }
  const pick = (offer) => {
    offered.dismiss()
    if (offer.callback) {
      setText('')
      attempt('shortcut', { callback: offer.callback })
    } else {
      setText(offer.form)
      offered.dismiss(offer.form)
    }
    box.current.focus()
  }
  const left = ({ relatedTarget, currentTarget }) => !currentTarget.contains(relatedTarget) && offered.dismiss()
  const pressed = (event) => {
    if (event.nativeEvent.isComposing) return
    if (offered.list.length > 0 && offered.handles(event, pick)) return
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault()
      send()
    }
  }
  return (
    <form className="composer" onSubmit={(event) => (event.preventDefault(), send())} onBlur={left}>
      {offered.list.length > 0 && <Offers id={`${id}-offers`} offered={offered} pick={pick} />}
      <textarea
        ref={box}
        // With a finger this would bring up the keyboard over what is to be read.
        autoFocus={matchMedia('(pointer: fine)').matches}
        rows={Math.min(8, text.split('\n').length)}
        aria-label={label}
        aria-autocomplete="list"
        aria-haspopup="listbox"
        aria-controls={offered.list.length > 0 ? `${id}-offers` : undefined}
        aria-activedescendant={offered.active >= 0 ? `${id}-offers-${offered.active}` : undefined}
        placeholder={thread ? `${label} …` : `${label}: / for commands`}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={pressed}
      />
      <ul className="attached">
        {files.map((file) => (
          <li key={file.name}>
            {file.name}
            <button type="button" className="quiet" onClick={() => setFiles(files.filter((one) => one !== file))}>
              ✕<span className="unseen"> Remove {file.name}</span>
            </button>
          </li>
        ))}
      </ul>
      <div className="send">
        <label className="button attach">
          Attach files
          <input type="file" multiple onChange={(event) => (setFiles([...files, ...event.target.files]), (event.target.value = ''))} />
        </label>
        <p role="alert">{trouble}</p>
        <button className="primary">Send</button>
      </div>
    </form>
  )
}

/** What can follow what is typed, and which of it the arrows are at. */
function useOffered(text, thread) {
  const { offers } = useWorkspace()
  const [active, setActive] = useState(-1)
  const [dismissed, setDismissed] = useState(null)
  const all = [
    ...offers.commands.map((one) => ({ form: one.name, does: one.does })),
    ...offers.forms,
    ...offers.shortcuts.filter((one) => one.on === 'global').map((one) => ({ form: `/${one.name}`, ...one })),
  ]
  const typed = text.toLowerCase()
  const open = !thread && text.startsWith('/') && text !== dismissed
  const list = open ? all.filter((one) => one.form.toLowerCase().startsWith(typed) && one.form !== text) : []
  const at = Math.min(active, list.length - 1)
  const handles = (event, pick) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step) setActive(at < 0 && step < 0 ? list.length - 1 : (at + step + list.length) % list.length)
    else if (event.key === 'Escape') setDismissed(text)
    else if (['Enter', 'Tab'].includes(event.key) && at >= 0) pick(list[at])
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
  return { list, active: at, handles, dismiss }
}

function Offers({ id, offered, pick }) {
  return (
    <ul className="offers" role="listbox" id={id} aria-label="Commands" tabIndex={0}>
      {offered.list.map((one, number) => (
        <li
          key={one.form}
          role="option"
          id={`${id}-${number}`}
          aria-selected={number === offered.active}
          ref={number === offered.active ? (option) => option?.scrollIntoView({ block: 'nearest' }) : undefined}
          onMouseDown={(event) => (event.preventDefault(), pick(one))}
        >
          <code>{one.form}</code> <span>{one.does}</span>
        </li>
      ))}
    </ul>
  )
}
