// Blocks in order. What only shows is drawn by slack-blocks-to-jsx. What is operated is drawn here, of native
// controls: the library's are pictures of controls, without values, labels or keys.
import { useSyncExternalStore } from 'react'
import { Message as Drawn } from 'slack-blocks-to-jsx'
import { Element } from './Element.jsx'
import { Field } from './Field.jsx'
import { useWorkspace } from './workspace.js'

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
  return runs(blocks).map((run) => {
    const [block] = run
    if (!operated(block)) return <Shown key={block.block_id} blocks={run} />
    if (block.type === 'input') return <Field key={block.block_id} block={block} />
    if (block.type === 'actions') return <Actions key={block.block_id} block={block} />
    return <WithAccessory key={block.block_id} block={block} />
  })
}

const operated = (block) =>
  ['actions', 'input'].includes(block.type) || (block.accessory && block.accessory.type !== 'image')

/** Blocks that only show stay together, since the space between them is the library's. */
function runs(blocks) {
  const found = []
  for (const block of blocks) {
    const last = found.at(-1)
    if (last && !operated(block) && !operated(last[0])) last.push(block)
    else found.push([block])
  }
  return found
}

function Shown({ blocks }) {
  const { people, channels } = useWorkspace()
  const theme = useTheme()
  return (
    <Drawn
      blocks={blocks}
      theme={theme}
      withoutWrapper
      data={{ users: people.map(({ id, name }) => ({ id, name })), channels: channels.map(({ id, name }) => ({ id, name })) }}
      hooks={{ link: Link }}
    />
  )
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

function WithAccessory({ block: { accessory, ...rest } }) {
  return (
    <div className="with-accessory">
      <Shown blocks={[rest]} />
      <Element block={rest} element={accessory} label={rest.text?.text} />
    </div>
  )
}
