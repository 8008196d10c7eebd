// One thing in an actions block or beside a section: a button, a menu, a picker.
import { Control } from './Control.jsx'
import { Menu } from './Menu.jsx'
import { useOperated } from './Operated.jsx'

export function Element({ block, element, label }) {
  const { press } = useOperated()
  const send = (choice) => press(block, element, choice)
  if (element.type === 'image') return <img src={element.image_url} alt={element.alt_text} />
  if (element.type === 'button') return <Button element={element} onPress={() => send()} />
  if (element.type === 'overflow') return <Overflow element={element} onPick={send} />
  if (element.type === 'static_select') return <Select block={block} element={element} onPick={send} />
  return <Control block={block} element={element} label={label ?? element.placeholder?.text ?? 'Choose'} onPick={send} />
}

function Button({ element, onPress }) {
  const more = { className: `button ${element.style ?? ''}`, 'aria-label': element.accessibility_label, onClick: onPress }
  const text = element.text.text
  // As in Slack, a button with an address opens it, and the bot hears of the press.
  if (element.url && /^https?:/.test(element.url) && !element.confirm) {
    return (
      <a {...more} href={element.url} target="_blank" rel="noopener noreferrer">
        {text}
      </a>
    )
  }
  return (
    <button {...more} type="button">
      {text}
    </button>
  )
}

const item = (option) => ({
  label: option.text.text,
  does: option.description?.text,
  value: option.value ?? option.text.text,
  url: option.url,
})

function Overflow({ element, onPick }) {
  return <Menu label="More options" shows="⋯" items={element.options.map(item)} onPick={onPick} />
}

function Select({ block, element, onPick }) {
  const { form } = useOperated()
  const options = [element, ...(element.option_groups ?? [])].flatMap((group) => group.options ?? [])
  const items = options.map(item)
  const initial = element.initial_option && item(element.initial_option).value
  const value = form ? form.get(block, element) : initial
  const label = items.find((one) => one.value === value)?.label ?? element.placeholder?.text ?? 'Choose'
  const pick = (next) => {
    form?.set(block, element, next)
    onPick(next)
  }
  return <Menu label={label} shows={`${label} ▾`} items={items} onPick={pick} />
}
