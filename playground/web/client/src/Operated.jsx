// What surrounds controls: how a press is sent, what is filled in, and the question that comes before some presses.
import { createContext, useContext, useLayoutEffect, useRef, useState } from 'react'
import { focusComposer, isNowhere } from './focus.js'

const Context = createContext(null)
export const useOperated = () => useContext(Context)

/**
 * press(block, element, choice) sends. `form` is where values live: { get, set, files, setFiles, errors }; a message
 * has none.
 */
export function Operated({ press, form = null, children }) {
  const [asking, setAsking] = useState(null)
  const ask = (block, element, choice) =>
    element.confirm ? setAsking({ confirm: element.confirm, go: () => press(block, element, choice) }) : press(block, element, choice)
  return (
    <Context value={{ press: ask, form }}>
      {children}
      {asking && <Confirm {...asking} onDone={() => setAsking(null)} />}
    </Context>
  )
}

function Confirm({ confirm, go, onDone }) {
  const agree = () => {
    onDone()
    go()
  }
  return (
    <Dialog label={confirm.title?.text ?? 'Are you sure?'} onClose={onDone}>
      <p className="question">{confirm.text.text}</p>
      <footer>
        <button onClick={onDone}>{confirm.deny?.text ?? 'Cancel'}</button>
        <button className={confirm.style === 'danger' ? 'danger' : 'primary'} onClick={agree}>
          {confirm.confirm?.text ?? 'Yes'}
        </button>
      </footer>
    </Dialog>
  )
}

/** A dialog over the page; focus goes in, stays in, and goes back. */
export function Dialog({ label, onClose, children }) {
  const dialog = useRef(null)
  useLayoutEffect(() => {
    const open = dialog.current
    open.showModal()
    open.querySelector('[data-first], .fields :is(input, select, textarea, button), footer button')?.focus()
    return () => {
      open.close() // gives the focus back, if what had it is still there
      if (isNowhere()) focusComposer()
    }
  }, [])
  const cancelled = (event) => {
    event.preventDefault()
    onClose()
  }
  return (
    // Escape closes the dialog alone, and not the thread that it was opened in.
    <dialog
      ref={dialog}
      aria-label={label}
      onCancel={cancelled}
      onKeyDown={(event) => event.key === 'Escape' && event.stopPropagation()}
    >
      <header className="bar">
        <h2>{label}</h2>
        <button type="button" className="quiet" onClick={onClose}>
          ✕<span className="unseen"> Close</span>
        </button>
      </header>
      {children}
    </dialog>
  )
}
