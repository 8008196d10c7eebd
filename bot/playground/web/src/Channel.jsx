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
          {!channel.bot_inside && ' · without the bot'}
        </p>
      </header>
      <Scroll follow={last(messages)}>
        <ol className="messages">
          {messages.map((message) => (
            <Message key={message.ts} message={message} onThread={onThread} />
          ))}
        </ol>
        {messages.length === 0 && <p className="empty">Nothing was said here yet.</p>}
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

/** Stays at the end as long as one looks at the end. */
export function Scroll({ follow, children }) {
  const box = useRef(null)
  const atEnd = useRef(true)
  useLayoutEffect(() => {
    if (!atEnd.current) return
    const { current } = box
    const last = current.querySelector('.message:last-child')
    // What is longer than the window is shown from its beginning: there stands the verdict.
    if (last && last.offsetHeight > current.clientHeight) last.scrollIntoView({ block: 'start' })
    else current.scrollTop = current.scrollHeight
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
