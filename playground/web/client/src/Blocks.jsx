// Blocks in order. What only shows is drawn by slack-blocks-to-jsx, texts as rich_text. What is operated is drawn here,
// of native controls: the library's are pictures of controls, without values, labels or keys.
import { useSyncExternalStore } from 'react'
import { Message as Drawn } from 'slack-blocks-to-jsx'
import { Element } from './Element.jsx'
import { Field } from './Field.jsx'
import { rich, unlinked } from './mrkdwn.js'
import { Table } from './Table.jsx'
import { me, useWorkspace } from './workspace.js'

const dark = matchMedia('(prefers-color-scheme: dark)')

function useTheme() {
  const isDark = useSyncExternalStore(
    (changed) => {
      dark.addEventListener('change', changed)
      return () => dark.removeEventListener('change', changed)
    },
    () => dark.matches,
  )
  return isDark ? 'dark' : 'light'
}

export function Blocks({ blocks }) {
  return blocks.map((block) => {
    const Kind = KINDS[block.type] ?? Shown
    return <Kind key={block.block_id} block={block} />
  })
}

export function Shown({ block }) {
  const { people, channels } = useWorkspace()
  const theme = useTheme()
  const names = (all) => all.map(({ id, name }) => ({ id, name }))
  return (
    <Drawn
      blocks={[block]}
      theme={theme}
      withoutWrapper
      data={{ users: names(people), channels: names(channels) }}
      hooks={{ link: Link, date: (moment) => written(moment, people.find(({ name }) => name === me)?.locale) }}
    />
  )
}

const DAY = { year: 'numeric', month: 'short', day: 'numeric' }
const TIME = { hour: 'numeric', minute: '2-digit' }
const MOMENTS = { date: { ...DAY, month: 'long' }, date_short: DAY, date_long: { ...DAY, month: 'long', weekday: 'long' }, time: TIME, time_secs: { ...TIME, second: '2-digit' } }

/** A moment in the language of whoever looks at it. */
function written({ timestamp, format, fallback }, locale) {
  const at = new Date(Number(timestamp) * 1000)
  const isKnown = [...format.matchAll(/{(\w+)}/g)].every(([, name]) => name.replace('_pretty', '') in MOMENTS)
  const shown = (_, name) => new Intl.DateTimeFormat(locale, MOMENTS[name.replace('_pretty', '')]).format(at)
  return <time dateTime={at.toISOString()}>{isKnown ? format.replace(/{(\w+)}/g, shown) : fallback}</time>
}

/** Only links to the web are links. */
const Link = ({ href, children, className }) =>
  /^(https?|mailto):/.test(href) ? (
    <a href={href} className={className} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  ) : (
    <span>{children}</span>
  )

function Actions({ block }) {
  return (
    <div className="actions">
      {block.elements.map((element) => (
        <Element key={element.action_id} block={block} element={element} />
      ))}
    </div>
  )
}

function Section({ block }) {
  return (
    <div className="with-accessory">
      <div>
        {block.text && <Shown block={rich(block.text)} />}
        {block.fields && (
          <div className="columns">
            {block.fields.map((text, position) => (
              <Shown key={position} block={rich(text)} />
            ))}
          </div>
        )}
      </div>
      {block.accessory && <Element block={block} element={block.accessory} label={block.text?.text} />}
    </div>
  )
}

function Context({ block }) {
  return (
    <div className="context">
      {block.elements.map((element, position) =>
        element.type === 'image' ? (
          <Element key={position} element={element} />
        ) : (
          <Shown key={position} block={rich(element)} />
        ),
      )}
    </div>
  )
}

const Header = ({ block }) => (
  <p className="header" role="heading" aria-level="3">
    {block.text.text}
  </p>
)

/** Folded by what the browser has for that: it is found by the page's search and by screen readers. */
function Container({ block }) {
  const { child_blocks: inner, width = 'standard', icon } = block
  const words = block.is_collapsible ? unlinked : (rich_text) => rich_text
  const title = (
    <>
      {icon && <Element element={icon} />}
      <span className="titles">
        <b>{block.rich_text_title ? <Shown block={words(block.rich_text_title)} /> : block.title.text}</b>
        {block.subtitle && <small>{<Shown block={words(rich(block.subtitle))} />}</small>}
      </span>
    </>
  )
  if (block.is_collapsible) {
    return (
      <details className="container" data-width={width} open={!block.default_collapsed}>
        <summary>{title}</summary>
        <Blocks blocks={inner} />
      </details>
    )
  }
  return (
    <div className="container" data-width={width} data-divided={Boolean(block.has_header_divider)}>
      <div className="heading">{title}</div>
      <Blocks blocks={inner} />
    </div>
  )
}

const LEVELS = { default: ['Note', '◆'], info: ['Information', 'ℹ'], warning: ['Warning', '⚠'], error: ['Error', '⛔'], success: ['Success', '✔'] }

function Alert({ block }) {
  const [word, sign] = LEVELS[block.level ?? 'default']
  return (
    <div className="alert" role="note" aria-label={word} data-level={block.level}>
      <span aria-hidden="true">{sign}</span>
      <Shown block={rich(block.text)} />
    </div>
  )
}

function Card({ block }) {
  return (
    <div className="card">
      {block.hero_image && <Element element={block.hero_image} />}
      <div className="heading">
        {block.icon && <Element element={block.icon} />}
        <span className="titles">
          {block.title && <b>{<Shown block={rich(block.title)} />}</b>}
          {block.subtitle && <small>{<Shown block={rich(block.subtitle)} />}</small>}
        </span>
      </div>
      {block.body && <Shown block={rich(block.body)} />}
      {block.actions && <Actions block={{ ...block, elements: block.actions }} />}
    </div>
  )
}

const Picture = ({ block }) => (
  <figure>
    <img src={block.image_url ?? `/files/${block.slack_file.id}/picture?picture`} alt={block.alt_text} />
    {block.title && <figcaption>{block.title.text}</figcaption>}
  </figure>
)

const KINDS = {
  actions: Actions,
  alert: Alert,
  card: Card,
  container: Container,
  context: Context,
  header: Header,
  image: Picture,
  input: Field,
  section: Section,
  table: Table,
}
