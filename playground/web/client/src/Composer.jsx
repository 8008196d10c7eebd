// The box to type in: / offers commands, @ people, Enter sends, files can be attached.
import { useId, useLayoutEffect, useRef, useState } from 'react'
import { useOffered } from './offered.js'
import { act, expectAnswer } from './workspace.js'

export function Composer({ channel, thread = null, label }) {
  const [text, setText] = useState('')
  const [files, setFiles] = useState([])
  const [trouble, setTrouble] = useState('')
  const [caret, setCaret] = useState(0)
  const offered = useOffered(text, caret, thread)
  const box = useRef(null)
  const moves = useRef(null)
  useLayoutEffect(() => {
    if (moves.current !== null) box.current.setSelectionRange(moves.current, moves.current)
    moves.current = null
  }, [text])
  const id = useId()
  const attempt = async (verb, ask, more) => {
    try {
      setTrouble('')
      expectAnswer({ channel: channel.id, thread })
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
    } else if (offer.from !== undefined) {
      const name = `${offer.form} `
      moves.current = offer.from + name.length
      setCaret(moves.current)
      setText(text.slice(0, offer.from) + name + text.slice(offer.to).trimStart())
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
        placeholder={thread ? `${label} (@vt asks the bot)` : `${label} (/ or @vt)`}
        value={text}
        onChange={({ target }) => (setText(target.value), setCaret(target.selectionStart))}
        onSelect={({ target }) => setCaret(target.selectionStart)}
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

function Offers({ id, offered, pick }) {
  return (
    <ul className="offers" role="listbox" id={id} aria-label={offered.what} tabIndex={0}>
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
