// The bot's home: asked for when one goes there.
import { useEffect, useState } from 'react'
import { Blocks } from './Blocks.jsx'
import { Operated } from './Operated.jsx'
import { useForm } from './form.js'
import { act, useWorkspace } from './workspace.js'

export function Home() {
  const { home, offers } = useWorkspace()
  useEffect(() => {
    if (offers.home) act('home', {})
  }, [offers.home])
  return (
    <section className="talk" aria-label="VirusTotal’s home">
      <header className="bar">
        <h1>VirusTotal’s home</h1>
      </header>
      <div className="scroll home" tabIndex={0} role="region" aria-label="Home">
        {home ? <Published view={home} /> : <p className="empty">{offers.home ? 'Opening …' : 'This bot has no home.'}</p>}
      </div>
    </section>
  )
}

function Published({ view }) {
  const { form, asked, setErrors } = useForm(view)
  const press = async (block, element, choice) => {
    try {
      await act('press', { ...asked(), block: block.block_id, action: element.action_id, choice })
    } catch (error) {
      setErrors({ '': error.message })
    }
  }
  return (
    <Operated press={press} form={form}>
      <Blocks blocks={view.blocks} />
      {form.errors[''] && <p role="alert">{form.errors['']}</p>}
    </Operated>
  )
}
