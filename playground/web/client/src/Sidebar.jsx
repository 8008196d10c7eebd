// Where one can go, and who one is.
import { useEffect, useState } from 'react'
import { useWorkspace } from './workspace.js'

const SIGNS = { public: '#', private: '🔒', direct: '@' }

export function Sidebar({ place }) {
  const state = useWorkspace()
  const unread = useUnread(place)
  const acting = state.people.find((one) => one.id === state.me)
  return (
    <nav className="sidebar" aria-label="Channels">
      <ul>
        {state.channels.map((one) => (
          <li key={one.id}>
            <Place to={one.id} here={place} unread={unread.has(one.id)}>
              <span aria-hidden="true">{SIGNS[one.kind]}</span> {one.name}
            </Place>
          </li>
        ))}
        <li>
          <Place to="home" here={place}>
            <span aria-hidden="true">⌂</span> VirusTotal’s home
          </Place>
        </li>
      </ul>
      <label className="acting">
        Acting as
        <select value={acting.name} onChange={(event) => (location.search = `?as=${event.target.value}`)}>
          {state.people
            .filter((one) => !one.bot)
            .map((one) => (
              <option key={one.id} value={one.name}>
                {one.real_name}
              </option>
            ))}
        </select>
      </label>
      <p className="aside">Everyone here is made up; the bot is real. Nothing leaves this machine except look-ups to VirusTotal, and only if a key is set.</p>
    </nav>
  )
}

function Place({ to, here, unread, children }) {
  return (
    <a href={`#${to}`} aria-current={to === here ? 'page' : undefined} className={unread ? 'unread' : undefined}>
      {children}
      {unread && <span className="unseen"> (unread)</span>}
    </a>
  )
}

/** The channels in which something was said since one was there. */
function useUnread(place) {
  const { messages } = useWorkspace()
  const newest = {}
  for (const { channel, ts } of Object.values(messages)) if (!(newest[channel] > ts)) newest[channel] = ts
  const [read, setRead] = useState(newest)
  const here = newest[place]
  useEffect(() => setRead((before) => ({ ...before, [place]: here })), [place, here])
  return new Set(Object.keys(newest).filter((name) => name !== place && newest[name] > (read[name] ?? '')))
}
