// The workspace as this window knows it: what the server tells, and what is asked of it.
import { createContext, useContext, useEffect, useReducer } from 'react'

const token = document.querySelector('meta[name="playground-token"]').content
export const me = new URLSearchParams(location.search).get('as') ?? 'ana'

// The same however often the connection breaks, another one when the page is loaded again. (randomUUID is missing where
// the page is served to other machines without TLS.)
const tab = crypto.getRandomValues(new Uint32Array(4)).join('')

const keyOf = ({ channel, ts }) => `${channel}/${ts}`
const without = (messages, key) => Object.fromEntries(Object.entries(messages).filter(([name]) => name !== key))

const heard = {
  all: (state, news) => {
    // Another run has another token: this page could only look on.
    if (state && state.run !== news.run) location.reload()
    const messages = Object.fromEntries(news.messages.map((message) => [keyOf(message), message]))
    return { ...news, messages, connected: true, latest: null }
  },
  message: (state, { message }) => ({
    ...state,
    messages: { ...state.messages, [keyOf(message)]: message },
    latest: message,
  }),
  gone: (state, news) => ({ ...state, messages: without(state.messages, keyOf(news)) }),
  views: (state, { modals, home }) => ({ ...state, modals, home }),
  journal: (state, { entry }) => ({ ...state, journal: [...state.journal, entry].slice(-300) }),
  faults: (state, { faults }) => ({ ...state, faults }),
  lost: (state) => state && { ...state, connected: false },
  nobody: (state, { people }) => ({ nobody: true, people }),
}

/** Everything, kept up to date; null until the server has told it. */
export function useLive() {
  const [state, hear] = useReducer((before, news) => heard[news.kind](before, news), null)
  useEffect(() => {
    const source = new EventSource(`/live?as=${encodeURIComponent(me)}&tab=${tab}`)
    source.onmessage = ({ data }) => {
      const news = JSON.parse(data)
      if (news.kind === 'nobody') source.close()
      hear(news)
    }
    source.onerror = () => hear({ kind: 'lost' })
    return () => source.close()
  }, [])
  return state
}

export const Workspace = createContext(null)
export const useWorkspace = () => useContext(Workspace)

/** Messages as Slack shows them: by time; those of a thread under its root. */
export function messagesOf(state, channel, thread = null) {
  const belongs = thread
    ? (message) => message.ts === thread || message.thread === thread
    : (message) => !message.thread
  return Object.values(state.messages)
    .filter((message) => message.channel === channel && belongs(message))
    .sort((one, other) => (one.ts < other.ts ? -1 : 1))
}

/** Do something as this person. Throws an Error whose message is for people. */
export async function act(verb, ask, files = {}) {
  const asked = JSON.stringify({ as: me, ...ask })
  const headers = { 'X-Playground-Token': token }
  let body = asked
  if (Object.values(files).some((list) => list.length)) {
    body = new FormData()
    body.append('ask', asked)
    for (const [name, list] of Object.entries(files)) for (const file of list) body.append(name, file, file.name)
  } else {
    headers['Content-Type'] = 'application/json'
  }
  const reply = await fetch(`/do/${verb}`, { method: 'POST', headers, body })
  const said = await reply.json()
  if (!reply.ok) throw new Error(said.error)
  return said
}

/** Tells the list of messages in which it will be answered that this person has asked something. */
export function expectAnswer({ channel, thread = null } = {}) {
  dispatchEvent(new CustomEvent('asked', { detail: { channel, thread } }))
}

/** What was in a delivery or a call. */
export async function journalEntry(number) {
  return (await fetch(`/journal/${number}`)).json()
}

/** A moment of the clock, from seconds since 1970. */
export function clock(seconds, more = {}) {
  return new Date(seconds * 1000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', ...more })
}
