// What went to the bot and what it called, with times; and which of Slack's rules it broke.
import { useRef, useState } from 'react'
import { useReturnedFocus } from './focus.js'
import { clock, journalEntry, useWorkspace } from './workspace.js'

export function Journal({ onClose }) {
  const { journal, faults } = useWorkspace()
  const panel = useRef(null)
  useReturnedFocus(panel)
  return (
    <aside className="journal talk" aria-label="Event log" ref={panel} onKeyDown={(event) => event.key === 'Escape' && onClose()}>
      <header className="bar">
        <h2>Event log</h2>
        <button className="quiet" onClick={onClose}>
          Close<span className="unseen"> the event log</span>
        </button>
      </header>
      <div className="scroll" tabIndex={0} role="region" aria-label="Events and calls">
        {faults.map((fault, number) => (
          <p key={number} className="fault">
            API misuse that Slack would refuse: {fault}
          </p>
        ))}
        <p className="hint">→ sent to the bot, with the time until it acknowledged · ← API calls by the bot. Newest first.</p>
        {[...journal].reverse().map((entry) => (
          <Entry key={entry.n} entry={entry} />
        ))}
      </div>
    </aside>
  )
}

function Entry({ entry }) {
  const [body, setBody] = useState(null)
  const opened = async (event) => {
    if (event.currentTarget.open && !body) setBody(await journalEntry(entry.n))
  }
  const inward = entry.way === 'in'
  return (
    <details className="entry" onToggle={opened} data-way={entry.way} data-bad={entry.status !== 200}>
      <summary>
        <span aria-hidden="true">{inward ? '→' : '←'}</span>
        <span className="unseen">{inward ? 'to the bot: ' : 'by the bot: '}</span>
        <b>{entry.name}</b> <span>{entry.status || 'no answer'}</span> {inward && <span>{entry.ms} ms</span>}
        <time>{clock(entry.at, { second: '2-digit', fractionalSecondDigits: 3 })}</time>
      </summary>
      {body && (
        <>
          <h3>{inward ? 'Payload' : 'Arguments'}</h3>
          <pre tabIndex={0}>{JSON.stringify(body.in, null, 1)}</pre>
          <h3>Answer</h3>
          <pre tabIndex={0}>{typeof body.out === 'string' ? body.out || '(empty)' : JSON.stringify(body.out, null, 1)}</pre>
        </>
      )}
    </details>
  )
}
