// A thread beside its channel.
import { last, Scroll } from './Channel.jsx'
import { Composer } from './Composer.jsx'
import { Message } from './Message.jsx'
import { messagesOf, useWorkspace } from './workspace.js'

export function Thread({ channel, root, onClose }) {
  const messages = messagesOf(useWorkspace(), channel.id, root)
  return (
    <aside className="thread talk" aria-label="Thread" onKeyDown={(event) => event.key === 'Escape' && onClose()}>
      <header className="bar">
        <h2>Thread</h2>
        <button className="quiet" onClick={onClose}>
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
      <Composer key={root} channel={channel} thread={root} label="Reply" />
    </aside>
  )
}
