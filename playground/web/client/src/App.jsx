// The whole page: where one is, what is open beside it, and what is said aloud.
import { useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { Channel } from './Channel.jsx'
import { Home } from './Home.jsx'
import { Journal } from './Journal.jsx'
import { Modal } from './Modal.jsx'
import { Sidebar } from './Sidebar.jsx'
import { Thread } from './Thread.jsx'
import { me, useLive, Workspace } from './workspace.js'

function useHash() {
  return useSyncExternalStore(
    (changed) => {
      addEventListener('hashchange', changed)
      return () => removeEventListener('hashchange', changed)
    },
    () => location.hash.slice(1),
  )
}

export function App() {
  const state = useLive()
  const place = useHash() || 'C0INC10420'
  const [thread, setThread] = useState(null)
  const [journal, setJournal] = useState(false)
  const [drawer, setDrawer] = useState(false)
  const opensDrawer = useRef(null)
  useEffect(() => {
    setThread(null)
    setDrawer(false)
  }, [place])
  if (state?.nobody) return <Nobody people={state.people} />
  if (!state) return <p className="waiting">Opening the workspace …</p>
  const channel = state.channels.find((one) => one.id === place) ?? state.channels[0]
  const atHome = place === 'home'
  const escaped = (event) => {
    if (event.key !== 'Escape' || !drawer) return
    setDrawer(false)
    opensDrawer.current.focus()
  }
  return (
    <Workspace value={state}>
      <div className="page" data-drawer={drawer} data-thread={Boolean(thread) && !atHome} data-journal={journal} onKeyDown={escaped}>
        <header className="top">
          <button ref={opensDrawer} className="quiet drawer-button" aria-expanded={drawer} onClick={() => setDrawer(!drawer)}>
            ☰ Channels
          </button>
          <span className="brand">{state.name}</span>
          {!state.connected && <span role="status" className="lost">Disconnected. Reconnecting …</span>}
          <button className="quiet" aria-expanded={journal} onClick={() => setJournal(!journal)}>
            Event log{state.faults.length > 0 && <b className="count">{state.faults.length}</b>}
          </button>
        </header>
        <Sidebar place={atHome ? 'home' : channel.id} />
        <main>
          {atHome ? <Home /> : <Channel key={channel.id} channel={channel} onThread={setThread} />}
        </main>
        {thread && !atHome && <Thread channel={channel} root={thread} onClose={() => setThread(null)} />}
        {journal && <Journal onClose={() => setJournal(false)} />}
      </div>
      <Modal view={state.modals.at(-1)} />
      <Announcer />
    </Workspace>
  )
}

/** The address names somebody who is not here. */
const Nobody = ({ people }) => (
  <main className="waiting">
    <p role="alert">There is nobody called “{me}” here.</p>
    <p>
      Act as{' '}
      {people.map((name, position) => (
        <span key={name}>
          {position > 0 && ', '}
          <a href={`?as=${name}${location.hash}`}>{name}</a>
        </span>
      ))}
    </p>
  </main>
)

/** Says what the bot posts or changes, for those who do not see it. */
function Announcer() {
  return (
    <Workspace.Consumer>
      {({ latest, bot }) => (
        <p className="unseen" aria-live="polite">
          {latest?.user === bot && `VirusTotal: ${latest.text.slice(0, 300)} ${latest.files.map((f) => f.name)}`}
        </p>
      )}
    </Workspace.Consumer>
  )
}
