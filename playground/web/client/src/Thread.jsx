// A thread beside its channel.
import { useRef } from 'react'
import { Composer } from './Composer.jsx'
import { useReturnedFocus } from './focus.js'
import { Message } from './Message.jsx'
import { Scroll } from './Scroll.jsx'
import { messagesOf, useWorkspace } from './workspace.js'

export function Thread({ channel, root, onClose }) {
  const messages = messagesOf(useWorkspace(), channel.id, root)
  const panel = useRef(null)
  useReturnedFocus(panel)
  // What was closed by the same key, such as the list of names, has said so.
  const pressed = (event) => event.key === 'Escape' && !event.defaultPrevented && onClose()
  return (
    <aside className="thread talk" aria-label="Thread" ref={panel} onKeyDown={pressed}>
      <header className="bar">
        <h2>Thread</h2>
        <button className="quiet" onClick={onClose}>
          Close<span className="unseen"> the thread</span>
        </button>
      </header>
      <Scroll key={root} messages={messages} channel={channel.id} thread={root}>
        <ol className="messages">
          {messages.map((message) => (
            <Message key={message.ts} message={message} inThread />
          ))}
        </ol>
      </Scroll>
      <Composer key={root} channel={channel} thread={root} label="Reply" />
    </aside>
  )
}
