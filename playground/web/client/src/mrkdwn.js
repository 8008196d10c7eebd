// Slack's mrkdwn as rich_text: marks in <…> first, styles next, entities last. The library has a parser of its own, but
// that one undoes the entities first, by which escaped text would come alive; at Slack it stays text.
const BROADCASTS = ['here', 'channel', 'everyone']
const STYLES = { '*': 'bold', _: 'italic', '~': 'strike' }
const INLINE =
  /<(?<mark>[^<>\n]+)>|`(?<code>[^`\n]+)`|(?<![\w*_~])(?<sign>[*_~])(?=\S)(?<styled>[^\n]*?\S)\k<sign>(?![\w*_~])|:(?<emoji>[a-z0-9_+'-]+):/g

/** A text object as a rich_text block. */
export function rich({ type, text }) {
  const elements = type === 'mrkdwn' ? parts(text) : [section([{ type: 'text', text }])]
  return { type: 'rich_text', elements }
}

/** The same rich_text with its links as text, for where a press means something else. */
export function unlinked(block) {
  const plainly = (one) => (one.type === 'link' ? { type: 'text', text: one.text ?? one.url, style: one.style } : one)
  return { ...block, elements: block.elements.map((part) => ({ ...part, elements: part.elements.map(plainly) })) }
}

const section = (elements) => ({ type: 'rich_text_section', elements })
const quote = (elements) => ({ type: 'rich_text_quote', elements })
const plain = (text) => text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')

function parts(text) {
  return text.split('```').flatMap((part, position) => {
    if (position % 2) return [{ type: 'rich_text_preformatted', elements: [{ type: 'text', text: plain(part.trim()) }] }]
    return part ? paragraphs(part) : []
  })
}

/** Lines that begin with > stand apart from those that do not. */
function paragraphs(text) {
  const found = []
  for (const line of text.split('\n')) {
    const [, quoted, words] = /^(&gt;|>)? ?(.*)$/s.exec(line)
    const make = quoted ? quote : section
    const last = found.at(-1)
    const now = inline(quoted ? words : line)
    if (last?.make === make) last.elements.push({ type: 'text', text: '\n' }, ...now)
    else found.push({ make, elements: now })
  }
  return found.map(({ make, elements }) => make(elements))
}

function inline(text, style = {}) {
  const found = []
  let end = 0
  const say = (words) => words && found.push({ type: 'text', text: plain(words), style })
  for (const match of text.matchAll(INLINE)) {
    say(text.slice(end, match.index))
    end = match.index + match[0].length
    const { mark, code, sign, styled, emoji } = match.groups
    if (mark) found.push({ ...marked(mark), style })
    else if (code) found.push({ type: 'text', text: plain(code), style: { ...style, code: true } })
    else if (emoji) found.push({ type: 'emoji', name: emoji })
    else found.push(...inline(styled, { ...style, [STYLES[sign]]: true }))
  }
  say(text.slice(end))
  return found
}

function marked(mark) {
  const [target, label] = mark.split('|')
  if (target[0] === '@') return { type: 'user', user_id: target.slice(1) }
  if (target[0] === '#') return { type: 'channel', channel_id: target.slice(1) }
  if (BROADCASTS.includes(target.slice(1))) return { type: 'broadcast', range: target.slice(1) }
  if (target.startsWith('!date^')) {
    const [, timestamp, format] = target.split('^')
    return { type: 'date', timestamp: Number(timestamp), format, fallback: plain(label ?? '') }
  }
  if (target[0] === '!') return { type: 'text', text: plain(label ?? target) }
  return { type: 'link', url: plain(target), text: plain(label ?? target) }
}
