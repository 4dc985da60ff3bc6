// The first thing that a new library shows.
import { html, useState } from '../ui.js'
import { post } from '../api.js'
import { Icon } from '../kit/icon.js'
import { mayEdit } from '../session.js'
import { text } from '../text.js'
import { notifyError } from '../toasts.js'
import { go } from '../router.js'
import { AddButton } from './uploads.js'

/** @param {{onDemo: () => void}} props */
export function Welcome({ onDemo }) {
  const [busy, setBusy] = useState(false)
  const demo = async () => {
    setBusy(true)
    try {
      const made = await post('/recordings/demo')
      onDemo()
      go(`/recording/${made.id}`)
    } catch (error) {
      notifyError(error)
      setBusy(false)
    }
  }
  return html`<section class="welcome"><div class="rings" aria-hidden="true"><i></i><i></i><i></i><${Icon} name="audio-lines" /></div>
    <h2>${text.welcome.title}</h2><p>${text.welcome.lead}</p>
    ${mayEdit() && html`<div class="row center"><${AddButton} /><button class="btn" disabled=${busy} onClick=${demo}><${Icon} name="sparkles" />${busy ? text.welcome.demoBusy : text.welcome.demo}</button></div>
    <p class="hint">${text.library.dropHint}</p>`}</section>`
}
