// A field of a form: its label, its control, its hint, and what is wrong with it.
import { useId } from 'react'
import { Control, grouped } from './Control.jsx'
import { useOperated } from './Operated.jsx'

export function Field({ block }) {
  const { form, press } = useOperated()
  const id = useId()
  const { element } = block
  const error = form?.errors[block.block_id]
  const notes = [block.hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ') || undefined
  const label = (
    <>
      {block.label.text}
      {block.optional && <small> (optional)</small>}
    </>
  )
  const control = (
    <Control
      id={id}
      block={block}
      element={element}
      label={block.label.text}
      notes={notes}
      wrong={Boolean(error)}
      onPick={block.dispatch_action ? (choice) => press(block, element, choice) : undefined}
    />
  )
  return (
    <div className="field" data-wrong={Boolean(error)}>
      {grouped(element) ? <p className="label">{label}</p> : <label htmlFor={id}>{label}</label>}
      {control}
      {block.hint && (
        <p className="hint" id={`${id}-hint`}>
          {block.hint.text}
        </p>
      )}
      {error && (
        <p className="error" id={`${id}-error`} role="alert">
          {error}
        </p>
      )}
    </div>
  )
}
