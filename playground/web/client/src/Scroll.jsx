// A list of messages that scrolls: it stays at its end, shows what one asked for, and says what came out of sight.
import { useEffect, useLayoutEffect, useRef, useState } from 'react'
import { useWorkspace } from './workspace.js'

const NEAR = 80
const WAITS_MILLISECONDS = 60_000
const UNFOLDS_MILLISECONDS = 500

const nearEnd = (list) => list.scrollHeight - list.scrollTop - list.clientHeight < NEAR
const newestOf = (messages) => messages.at(-1)?.ts ?? ''
/** Changes with every new message and with every change of the last one. */
const follows = (messages) => `${messages.length} ${newestOf(messages)} ${messages.at(-1)?.text} ${messages.at(-1)?.reactions}`

/**
 * `messages` as they are drawn in `children`, each with its `data-ts`; `thread`: the root, when it is a thread.
 * What one sees of it is kept outside of React: `atEnd`; `held`, the tall message whose beginning is shown; `asked`, when
 * one asked something here; `top`, so that the list's own movements are told from those of its reader; `unfolded`, when
 * one opened or closed a container.
 */
export function Scroll({ messages, channel, thread = null, children }) {
  const { me, bot } = useWorkspace()
  const box = useRef(null)
  const view = useRef({ atEnd: true, held: null, asked: 0, top: 0, unfolded: 0, newest: newestOf(messages) }).current
  const newest = newestOf(messages)
  const [seen, setSeen] = useState(newest)
  const unseen = messages.filter(({ ts }) => ts > seen)

  const moveTo = (top, held = null) => {
    box.current.scrollTop = top
    Object.assign(view, { held, top: box.current.scrollTop, atEnd: nearEnd(box.current) })
  }
  const topOf = (message) => box.current.scrollTop + message.getBoundingClientRect().top - box.current.getBoundingClientRect().top
  /** The end; of a message that is taller than the list its beginning, where the verdict stands. */
  const showNewest = () => {
    const last = box.current.querySelector('.message:last-child')
    const tall = last && last.offsetHeight > box.current.clientHeight
    moveTo(tall ? topOf(last) : box.current.scrollHeight, tall ? last.dataset.ts : null)
    setSeen(newest)
  }
  /** What grows, such as a message that is answered, is followed; what one unfolds stays where it is. */
  const grown = () => {
    const held = view.held && box.current.querySelector(`[data-ts="${view.held}"]`)
    if (Date.now() - view.unfolded < UNFOLDS_MILLISECONDS) view.atEnd = nearEnd(box.current)
    else if (view.atEnd) showNewest()
    else if (held) moveTo(topOf(held), view.held)
  }
  const showUnseen = () => {
    moveTo(topOf(box.current.querySelector(`[data-ts="${unseen[0].ts}"]`)))
    setSeen(newest)
    box.current.focus({ preventScroll: true })
  }

  useEffect(() => {
    const asked = ({ detail }) => {
      if ((detail.channel ?? channel) === channel && detail.thread === thread) view.asked = Date.now()
    }
    addEventListener('asked', asked)
    return () => removeEventListener('asked', asked)
  }, [channel, thread])
  useLayoutEffect(() => {
    const added = messages.filter(({ ts }) => ts > view.newest)
    const answered = added.some(({ user }) => user === bot)
    const waited = Date.now() - view.asked < WAITS_MILLISECONDS
    view.newest = newest
    if (view.atEnd || view.held === newest || (waited && (answered || added.some(({ user }) => user === me)))) showNewest()
    if (answered) view.asked = 0
    const resized = new ResizeObserver(grown)
    for (const one of [box.current, ...box.current.children]) resized.observe(one)
    return () => resized.disconnect()
  }, [follows(messages)])
  const scrolled = ({ target }) => {
    if (Math.abs(target.scrollTop - view.top) < 2) return
    Object.assign(view, { held: null, asked: 0, top: target.scrollTop, atEnd: nearEnd(target) })
    if (view.atEnd) setSeen(newest)
  }
  const clicked = ({ target }) => {
    if (target.closest('summary')) view.unfolded = Date.now()
  }
  return (
    <div className="scroller" onClickCapture={clicked}>
      <div className="scroll" ref={box} onScroll={scrolled} tabIndex={0} role="region" aria-label="Messages">
        {children}
      </div>
      {unseen.length > 0 && (
        <button type="button" className="pill" onClick={showUnseen}>
          ↓ {unseen.length} new {unseen.length === 1 ? 'message' : 'messages'}
        </button>
      )}
    </div>
  )
}
