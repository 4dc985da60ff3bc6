import { html, useState } from '../ui.js'
import { Icon } from '../kit/icon.js'
import { signIn } from '../session.js'
import { text } from '../text.js'

/** @param {{onDone: () => void}} props */
export function SignInPage({ onDone }) {
  const [key, setKey] = useState('')
  const [error, setError] = useState('')
  const [busy, setBusy] = useState(false)
  const submit = async (/** @type {Event} */ e) => {
    e.preventDefault()
    setBusy(true)
    setError('')
    try {
      await signIn(key.trim())
      onDone()
    } catch (reason) {
      setError(/** @type {Error} */ (reason).message)
    }
    setBusy(false)
  }
  return html`<main id="main" class="sign-in"><form onSubmit=${submit}><h1>${text.signIn.title}</h1><p>${text.signIn.lead} <code>sideman keys add</code></p>
    <label class="field"><span>${text.signIn.key}</span><input type="password" autocomplete="current-password" placeholder="sm_…" required value=${key} onInput=${(/** @type {any} */ e) => setKey(e.target.value)} /></label>
    ${error && html`<p class="error" role="alert">${error}</p>`}
    <button class="btn primary" disabled=${busy || !key.trim()}><${Icon} name="key-round" />${text.signIn.submit}</button></form></main>`
}
