// A channel or direct messages: what was said, and the box to say something.
import { useLayoutEffect, useRef } from 'react'
import { Composer } from './Composer.jsx'
import { Message } from './Message.jsx'
import { messagesOf, useWorkspace } from './workspace.js'

export function Channel({ channel, onThread }) {
  const state = useWorkspace()
  const messages = messagesOf(state, channel.id)
  const name = channel.kind === 'direct' ? channel.name : `#${channel.name}`
  const silent = channel.kind === 'direct' && !state.offers.direct
  return (
    <section className="talk" aria-label={name}>
      <header className="bar">
        <h1>{name}</h1>
        <p>
          {channel.members} members
          {channel.shared && ' · shared with another company'}
          {!channel.bot_inside && ' · VirusTotal is not in this channel: /invite @vt'}
        </p>
      </header>
      <Scroll follow={last(messages)}>
        <ol className="messages">
          {messages.map((message) => (
            <Message key={message.ts} message={message} onThread={onThread} />
          ))}
        </ol>
        {messages.length === 0 && <p className="empty">No messages yet.</p>}
      </Scroll>
      {silent ? (
        <p className="silent">This app takes no direct messages; it sends files here. Ask it in a channel.</p>
      ) : (
        <Composer channel={channel} label={`Message ${name}`} />
      )}
    </section>
  )
}

/** Changes with every new message and with every change of the last one. */
export const last = (messages) => `${messages.length} ${messages.at(-1)?.text} ${messages.at(-1)?.reactions}`

/** What is longer than the window is shown from its beginning: there stands the verdict. */
function toEnd(box) {
  const newest = box.querySelector('.message:last-child')
  if (newest && newest.offsetHeight > box.clientHeight) newest.scrollIntoView({ block: 'start' })
  else box.scrollTop = box.scrollHeight
}

/** Stays at the end as long as one looks at the end. */
export function Scroll({ follow, children }) {
  const box = useRef(null)
  const atEnd = useRef(true)
  useLayoutEffect(() => {
    const settle = () => atEnd.current && toEnd(box.current)
    settle()
    const resized = new ResizeObserver(settle)
    resized.observe(box.current)
    return () => resized.disconnect()
  }, [follow])
  const scrolled = ({ target }) => {
    atEnd.current = target.scrollHeight - target.scrollTop - target.clientHeight < 80
  }
  return (
    <div className="scroll" ref={box} onScroll={scrolled} tabIndex={0} role="region" aria-label="Messages">
      {children}
    </div>
  )
}
