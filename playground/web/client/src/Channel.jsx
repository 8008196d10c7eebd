// A channel or direct messages: what was said, and the box to say something.
import { Composer } from './Composer.jsx'
import { Message } from './Message.jsx'
import { Scroll } from './Scroll.jsx'
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
      <Scroll messages={messages} channel={channel.id}>
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
