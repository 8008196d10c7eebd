// What someone fills in: kept here until it is sent, over what the server knows.
import { useState } from 'react'
import { filled } from './Control.jsx'

export function useForm(view) {
  const [values, setValues] = useState({})
  const [files, setFiles] = useState({})
  const [errors, setErrors] = useState({})
  const form = {
    errors,
    files,
    get: (block, element) =>
      values[block.block_id]?.[element.action_id] ?? filled(view.state[block.block_id]?.[element.action_id]),
    set: (block, element, value) =>
      setValues((before) => ({
        ...before,
        [block.block_id]: { ...before[block.block_id], [element.action_id]: value ?? '' },
      })),
    setFiles: (block, list) => setFiles((before) => ({ ...before, [block.block_id]: list })),
  }
  // A block that a changed view no longer has is not sent.
  const there = new Set(view.blocks.map((block) => block.block_id))
  const asked = () => ({
    view: view.id,
    values: Object.fromEntries(Object.entries(values).filter(([name]) => there.has(name))),
  })
  return { form, asked, setErrors }
}
