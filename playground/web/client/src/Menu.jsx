// A button that opens a list of things to pick: arrows move, Enter picks, Escape closes.
import { useId, useLayoutEffect, useRef, useState } from 'react'

/** Below the button or, where there is no room, above it; never over the edge of the window. */
function beside(list, button) {
  const at = button.getBoundingClientRect()
  const { width, height } = list.getBoundingClientRect()
  const below = at.bottom + 4 + height <= innerHeight
  list.style.top = `${Math.max(4, below ? at.bottom + 4 : at.top - 4 - height)}px`
  list.style.left = `${Math.max(4, Math.min(at.left, innerWidth - width - 4))}px`
}

const PAUSE_MILLISECONDS = 500

/** The item that a key leads to: a neighbour, the first, the last, or the next that begins with the letters typed. */
function neighbour(items, event, typed) {
  const at = items.indexOf(document.activeElement)
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  if (step) return items.at((at + step) % items.length)
  if (event.key === 'Home') return items[0]
  if (event.key === 'End') return items.at(-1)
  if (event.key.length !== 1 || event.key === ' ' || event.ctrlKey || event.metaKey || event.altKey) return null
  const letter = event.key.toLowerCase()
  const goesOn = event.timeStamp - typed.at < PAUSE_MILLISECONDS && typed.letters !== letter
  typed.letters = goesOn ? typed.letters + letter : letter
  typed.at = event.timeStamp
  const from = goesOn ? at : at + 1
  const inOrder = [...items.slice(from), ...items.slice(0, from)]
  return inOrder.find((item) => wordsOf(item).startsWith(typed.letters)) ?? null
}

const wordsOf = (item) => item.textContent.toLowerCase().replace(/^[^\p{L}\p{N}]+/u, '')

export function Menu({ label, shows, items, onPick }) {
  const [open, setOpen] = useState(false)
  const list = useRef(null)
  const button = useRef(null)
  const typed = useRef({ letters: '', at: 0 })
  const id = useId()
  useLayoutEffect(() => {
    if (!open) return
    beside(list.current, button.current)
    list.current.querySelector('[role=menuitem]').focus()
    const scrolled = ({ target }) => target.contains(button.current) && beside(list.current, button.current)
    addEventListener('scroll', scrolled, true)
    return () => removeEventListener('scroll', scrolled, true)
  }, [open])
  const close = () => {
    setOpen(false)
    button.current.focus()
  }
  const pick = (item) => {
    close()
    if (item.url && /^https?:/.test(item.url)) window.open(item.url, '_blank', 'noopener,noreferrer')
    onPick(item.value)
  }
  const moved = (event) => {
    if (event.key === 'Escape') {
      event.stopPropagation()
      event.preventDefault()
      close()
      return
    }
    const all = [...list.current.querySelectorAll('[role=menuitem]')]
    const next = neighbour(all, event, typed.current)
    if (!next) return
    event.preventDefault()
    next.focus()
  }
  const opens = (event) => {
    if (!['ArrowDown', 'ArrowUp'].includes(event.key)) return
    event.preventDefault()
    setOpen(true)
  }
  const left = ({ relatedTarget, currentTarget }) => !currentTarget.contains(relatedTarget) && setOpen(false)
  return (
    <span className="menu" onBlur={left} onKeyDown={open ? moved : opens}>
      <button
        ref={button}
        type="button"
        className="button"
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        aria-label={label}
        onClick={() => setOpen(!open)}
      >
        {shows}
      </button>
      {open && (
        <span className="list" role="menu" id={id} ref={list} aria-label={label}>
          {items.map((item) => (
            <button key={item.value} type="button" role="menuitem" tabIndex={-1} onClick={() => pick(item)}>
              {item.label}
              {item.does && <small>{item.does}</small>}
            </button>
          ))}
        </span>
      )}
    </span>
  )
}
