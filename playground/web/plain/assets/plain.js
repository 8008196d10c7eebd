// The page without a build: each message's words, its buttons and its files.
const token = document.querySelector('meta[name="playground-token"]').content
const at = (id) => document.getElementById(id)
const seen = { me: new URLSearchParams(location.search).get('as') ?? 'ana', channel: '', all: null, messages: new Map() }

function make(tag, text, more = {}) {
  return Object.assign(document.createElement(tag), { textContent: text }, more)
}

async function act(verb, ask) {
  const reply = await fetch(`/do/${verb}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Playground-Token': token },
    body: JSON.stringify({ as: seen.me, ...ask }),
  })
  at('error').textContent = (await reply.json()).error ?? ''
  return reply.ok
}

function buttons(message) {
  return message.blocks.flatMap((block) =>
    (block.type === 'actions' ? block.elements : [])
      .filter((element) => element.type === 'button')
      .map((element) => make('button', element.text.text, { onclick: () => press(message, block, element) })),
  )
}

function press(message, block, element) {
  const { confirm: asked, url } = element
  if (asked && !confirm(`${asked.title.text}\n${asked.text.text}`)) return
  if (url) open(url, '_blank', 'noopener')
  act('press', { channel: message.channel, ts: message.ts, block: block.block_id, action: element.action_id })
}

function shown(message) {
  const person = seen.all.people.find((one) => one.id === message.user)
  const item = make('li', '')
  const note = [message.thread && 'in a thread', message.ephemeral && 'only visible to you', message.edited && 'edited']
  item.append(
    make('strong', person.real_name),
    make('small', ` ${new Date(message.ts * 1000).toLocaleTimeString()} ${note.filter(Boolean).join(', ')}`),
    make('pre', message.text),
    ...message.files.map((file) => make('a', `${file.name} (${file.size} bytes)`, { href: `/files/${file.id}/${encodeURIComponent(file.name)}`, target: '_blank' })),
    ...buttons(message),
  )
  return item
}

function draw() {
  const here = [...seen.messages.values()].filter((message) => message.channel === seen.channel)
  here.sort((one, other) => one.ts - other.ts)
  at('messages').replaceChildren(...here.map(shown))
  window.scrollTo(0, document.body.scrollHeight)
}

function options(select, rows, chosen) {
  select.replaceChildren(...rows.map(([value, label]) => make('option', label, { value, selected: value === chosen })))
}

const heard = {
  all(news) {
    seen.all = news
    seen.channel ||= news.channels[0].id
    seen.messages = new Map(news.messages.map((message) => [message.channel + message.ts, message]))
    options(at('people'), news.people.filter((one) => !one.bot).map((one) => [one.name, one.real_name]), seen.me)
    options(at('channels'), news.channels.map((one) => [one.id, one.kind === 'direct' ? one.name : `#${one.name}`]), seen.channel)
  },
  nobody: ({ people }) => {
    source.close()
    at('error').textContent = `There is nobody called ${seen.me} here. There is ${people.join(', ')}: try ?as=${people[0]}.`
  },
  message: ({ message }) => seen.messages.set(message.channel + message.ts, message),
  gone: ({ channel, ts }) => seen.messages.delete(channel + ts),
}

const tab = crypto.getRandomValues(new Uint32Array(4)).join('')
const source = new EventSource(`/live?as=${encodeURIComponent(seen.me)}&tab=${tab}`)
source.onmessage = ({ data }) => {
  const news = JSON.parse(data)
  heard[news.kind]?.(news)
  if (seen.all) draw()
}
at('people').onchange = ({ target }) => (location.search = `?as=${target.value}`)
at('channels').onchange = ({ target }) => {
  seen.channel = target.value
  draw()
}
at('say').onsubmit = async (event) => {
  event.preventDefault()
  if (await act('say', { channel: seen.channel, text: at('words').value })) at('words').value = ''
}
at('words').onkeydown = (event) => {
  if (event.key === 'Enter' && !event.shiftKey) {
    event.preventDefault()
    at('say').requestSubmit()
  }
}
