// One message: who, when, what, its files, its thread, and the menu beside it.
import { useState } from 'react'
import { get as emoji } from 'node-emoji'
import { Blocks } from './Blocks.jsx'
import { Menu } from './Menu.jsx'
import { Operated } from './Operated.jsx'
import { act, clock, expectAnswer, messagesOf, useWorkspace } from './workspace.js'

export function Message({ message, onThread, inThread = false }) {
  const state = useWorkspace()
  const [trouble, setTrouble] = useState('')
  const author = state.people.find((one) => one.id === message.user)
  const where = { channel: message.channel, ts: message.ts }
  const attempt = async (verb, ask) => {
    try {
      setTrouble('')
      await act(verb, { ...where, ...ask })
    } catch (error) {
      setTrouble(error.message)
    }
  }
  const press = (block, element, choice) =>
    attempt('press', { block: block.block_id, action: element.action_id, choice })
  return (
    <li className="message" data-ephemeral={message.ephemeral} data-ts={message.ts}>
      <article aria-label={`${author.real_name} at ${clock(message.ts)}`}>
        <Avatar of={author} />
        <div className="body">
          {message.ephemeral && <p className="only">👁 Only visible to you</p>}
          <p className="who">
            <b>{author.real_name}</b> {author.bot && <span className="badge">APP</span>}
            {author.stranger && <span className="badge">OTHER COMPANY</span>}
            <time dateTime={new Date(message.ts * 1000).toISOString()}>{clock(message.ts)}</time>
          </p>
          <Operated press={press}>
            <Blocks blocks={message.blocks} />
          </Operated>
          {message.edited && <span className="edited">(edited)</span>}
          {message.files.map((file) => (
            <File key={file.id} file={file} />
          ))}
          <Reactions names={message.reactions} />
          {!inThread && <Replies message={message} onThread={onThread} />}
          {trouble && <p role="alert">{trouble}</p>}
        </div>
        {!message.ephemeral && <Tools message={message} onThread={onThread} attempt={attempt} />}
      </article>
    </li>
  )
}

function Avatar({ of }) {
  const hue = [...of.id].reduce((sum, letter) => sum + letter.charCodeAt(0) * 37, 0) % 360
  const initials = of.real_name.split(' ').map((word) => word[0]).slice(0, 2).join('')
  return (
    <span className="avatar" aria-hidden="true" data-hue={Math.floor(hue / 60)}>
      {initials}
    </span>
  )
}

function Tools({ message, onThread, attempt }) {
  const { offers } = useWorkspace()
  const shortcuts = offers.shortcuts.filter((one) => one.on === 'message')
  return (
    <div className="tools">
      {onThread && (
        <button className="quiet" onClick={() => onThread(message.ts)}>
          Reply<span className="unseen"> in a thread</span>
        </button>
      )}
      {shortcuts.length > 0 && (
        <Menu
          label="More actions"
          shows="⋮"
          items={shortcuts.map((one) => ({ label: one.name, does: one.does, value: one.callback }))}
          onPick={(callback) => {
            expectAnswer(message)
            attempt('shortcut', { callback })
          }}
        />
      )}
    </div>
  )
}

function Replies({ message, onThread }) {
  const count = messagesOf(useWorkspace(), message.channel, message.ts).length - 1
  if (count < 1) return null
  return (
    <button className="replies" onClick={() => onThread(message.ts)}>
      {count} {count === 1 ? 'reply' : 'replies'}
    </button>
  )
}

function Reactions({ names }) {
  if (names.length === 0) return null
  return (
    <ul className="reactions" aria-label="Reactions">
      {names.map((name) => (
        <li key={name} title={name}>
          {emoji(name) ?? `:${name}:`}
        </li>
      ))}
    </ul>
  )
}

function File({ file }) {
  const path = `/files/${file.id}/${encodeURIComponent(file.name)}`
  return (
    <p className="file">
      {file.picture && <img src={`${path}?picture`} alt={file.picture} />}
      {!file.picture && <span aria-hidden="true">📄</span>}
      <span className="named">
        <b>{file.name}</b>
        <small>{file.size.toLocaleString('en')} bytes</small>
      </span>
      {file.opens && (
        <a href={path} target="_blank" rel="noopener">
          Open<span className="unseen"> {file.name}</span>
        </a>
      )}
      <a href={`${path}?download`} download={file.name}>
        Download<span className="unseen"> {file.name}</span>
      </a>
    </p>
  )
}
