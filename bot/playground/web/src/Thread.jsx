// A thread beside its channel.
import { useEffect, useRef } from 'react'
import { last, Scroll } from './Channel.jsx'
import { Composer } from './Composer.jsx'
import { Message } from './Message.jsx'
import { messagesOf, useWorkspace } from './workspace.js'

export function Thread({ channel, root, onClose }) {
  const messages = messagesOf(useWorkspace(), channel.id, root)
  const close = useRef(null)
  useEffect(() => close.current.focus(), [root])
  return (
    <aside className="thread talk" aria-label="Thread" onKeyDown={(event) => event.key === 'Escape' && onClose()}>
      <header className="bar">
        <h2>Thread</h2>
        <button ref={close} className="quiet" onClick={onClose}>
          Close<span className="unseen"> the thread</span>
        </button>
      </header>
      <Scroll follow={last(messages)}>
        <ol className="messages">
          {messages.map((message) => (
            <Message key={message.ts} message={message} inThread />
          ))}
        </ol>
      </Scroll>
      <Composer channel={channel} thread={root} label="Reply" />
    </aside>
  )
}
