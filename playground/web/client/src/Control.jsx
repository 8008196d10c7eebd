// Every input of Block Kit as a native control. Its value is what the server takes: text, an option's value, a list.
import { useState } from 'react'
import { useOperated } from './Operated.jsx'
import { useWorkspace } from './workspace.js'

const MANY = /^(multi_|checkboxes)/
/** Those that are several controls under one label. */
export const grouped = ({ type }) => MANY.test(type) || type === 'radio_buttons'

const valueOf = (option) => option.value ?? option.text.text

/** A field's entry in a view's state, as what is picked. */
export function filled(entry) {
  if (!entry) return null
  if (entry.selected_option) return valueOf(entry.selected_option)
  if (entry.selected_options) return entry.selected_options.map(valueOf)
  const [, value] = Object.entries(entry).find(([name]) => name !== 'type') ?? []
  return value ?? null
}

export function Control({ id, block, element, label, notes, wrong, onPick }) {
  const { form } = useOperated()
  const [own, setOwn] = useState(null)
  const value = form ? form.get(block, element) : own
  const keep = (next) => (form ? form.set(block, element, next) : setOwn(next))
  const change = (next) => {
    keep(next)
    onPick?.(next)
  }
  const options = useOptions(element)
  const common = {
    id,
    'data-first': element.focus_on_load || undefined,
    'aria-label': id ? undefined : label,
    'aria-describedby': notes,
    'aria-invalid': wrong || undefined,
  }
  const Kind = KINDS[element.type] ?? (options ? (grouped(element) ? Several : OneOf) : Unknown)
  return <Kind {...{ common, element, block, label, options, value, keep, change, onPick, form }} />
}

/** What can be picked; null for what is typed. */
function useOptions(element) {
  const { people, channels } = useWorkspace()
  const kind = element.type.replace('multi_', '')
  if (kind === 'users_select') return people.map((one) => ({ value: one.id, label: one.real_name }))
  if (['channels_select', 'conversations_select'].includes(kind)) {
    return channels.map((one) => ({ value: one.id, label: one.name }))
  }
  const groups = [element, ...(element.option_groups ?? [])]
  const found = groups.flatMap((group) => group.options ?? [])
  if (found.length === 0) return null
  return found.map((option) => ({ value: valueOf(option), label: option.text.text, does: option.description?.text }))
}

function Text({ common, element, value, keep, change, onPick }) {
  const Tag = element.multiline ? 'textarea' : 'input'
  const typed = (event) => keep(event.target.value)
  const entered = (event) => {
    if (onPick && event.key === 'Enter' && !element.multiline) {
      event.preventDefault()
      change(event.target.value)
    }
  }
  return (
    <Tag
      {...common}
      type={TYPES[element.type]}
      inputMode={element.type === 'number_input' ? 'decimal' : undefined}
      rows={element.multiline ? 4 : undefined}
      placeholder={element.placeholder?.text}
      maxLength={element.max_length}
      value={value ?? ''}
      onChange={typed}
      onKeyDown={entered}
    />
  )
}

const TYPES = { email_text_input: 'email', url_text_input: 'url', datepicker: 'date', timepicker: 'time' }

function Moment({ common, element, value, change }) {
  return <input {...common} type={TYPES[element.type]} value={value ?? ''} onChange={(event) => change(event.target.value)} />
}

/** Seconds since 1970, as local time. */
function DateTime({ common, value, change }) {
  const local = value ? new Date(value * 1000 - new Date(value * 1000).getTimezoneOffset() * 60_000) : null
  return (
    <input
      {...common}
      type="datetime-local"
      value={local ? local.toISOString().slice(0, 16) : ''}
      onChange={(event) => change(event.target.value ? Math.floor(new Date(event.target.value) / 1000) : null)}
    />
  )
}

function OneOf({ common, element, options, value, change }) {
  return (
    <select {...common} value={value ?? ''} onChange={(event) => change(event.target.value || null)}>
      <option value="">{element.placeholder?.text ?? 'Choose'}</option>
      {options.map((option) => (
        <option key={option.value} value={option.value}>
          {option.label}
        </option>
      ))}
    </select>
  )
}

function Several({ common, element, label, options, value, change }) {
  const radio = element.type === 'radio_buttons'
  const chosen = radio ? [value] : (value ?? [])
  const toggled = (option, on) => {
    if (radio) change(option.value)
    else change(on ? [...chosen, option.value] : chosen.filter((one) => one !== option.value))
  }
  const name = common.id ?? element.action_id
  return (
    <div role={radio ? 'radiogroup' : 'group'} aria-label={label} aria-describedby={common['aria-describedby']} className="several">
      {options.map((option) => (
        <label key={option.value}>
          <input
            type={radio ? 'radio' : 'checkbox'}
            name={name}
            checked={chosen.includes(option.value)}
            onChange={(event) => toggled(option, event.target.checked)}
          />
          <span>
            {option.label}
            {option.does && <small>{option.does}</small>}
          </span>
        </label>
      ))}
    </div>
  )
}

function Files({ common, element, block, form }) {
  const list = form.files[block.block_id] ?? []
  return (
    <>
      <input
        {...common}
        type="file"
        multiple={element.max_files !== 1}
        accept={element.filetypes?.map((name) => `.${name}`).join(',')}
        onChange={(event) => form.setFiles(block, [...event.target.files])}
      />
      {list.length > 1 && <p className="hint">{list.map((file) => file.name).join(', ')}</p>}
    </>
  )
}

function Unknown({ element }) {
  return <p className="hint">This page cannot show {element.type}.</p>
}

const KINDS = {
  plain_text_input: Text,
  email_text_input: Text,
  url_text_input: Text,
  number_input: Text,
  datepicker: Moment,
  timepicker: Moment,
  datetimepicker: DateTime,
  file_input: Files,
}
