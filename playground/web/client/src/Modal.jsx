// The form on top, if one is open.
import { useState } from 'react'
import { Blocks } from './Blocks.jsx'
import { Dialog, Operated } from './Operated.jsx'
import { useForm } from './form.js'
import { act, expectAnswer } from './workspace.js'

export function Modal({ view }) {
  return view ? <Open key={view.id} view={view} /> : null
}

function Open({ view }) {
  const { form, asked, setErrors } = useForm(view)
  const [busy, setBusy] = useState(false)
  const attempt = async (verb, more = {}) => {
    setBusy(true)
    try {
      const { errors = {} } = await act(verb, { ...asked(), ...more }, form.files)
      setErrors(errors)
    } catch (error) {
      setErrors({ '': error.message })
    } finally {
      setBusy(false)
    }
  }
  const press = (block, element, choice) =>
    attempt('press', { block: block.block_id, action: element.action_id, choice })
  const submit = (event) => {
    event.preventDefault()
    expectAnswer()
    attempt('submit')
  }
  const close = () => act('close', { view: view.id })
  return (
    <Dialog label={view.title} onClose={close}>
      <form onSubmit={submit} noValidate>
        <div className="fields">
          <Operated press={press} form={form}>
            <Blocks blocks={view.blocks} />
          </Operated>
        </div>
        {form.errors[''] && <p role="alert" className="error">{form.errors['']}</p>}
        <footer>
          <button type="button" onClick={close}>{view.close}</button>
          {view.submit && <button className="primary" disabled={busy}>{view.submit}</button>}
        </footer>
      </form>
    </Dialog>
  )
}
