// A loop that lies in the library, brought onto this recording.
import { html, useEffect, useState } from '../ui.js'
import { get, post } from '../api.js'
import { Select } from '../kit/controls.js'
import { Icon } from '../kit/icon.js'
import { nameOf } from '../kit/roles.js'
import { text } from '../text.js'
import { notify, notifyError } from '../toasts.js'

/** part: the range chosen in the drawer, empty for the whole song. @param {{recordingId: string, roles: string[], part: {startS?: number, endS?: number}}} props */
export function FitLoop({ recordingId, roles, part }) {
  const t = text.generate
  const [clips, setClips] = useState(/** @type {{id: string, title: string}[]} */ ([]))
  const [clip, setClip] = useState('')
  const [role, setRole] = useState('drums')
  const [busy, setBusy] = useState(false)
  useEffect(() => {
    get('/recordings?limit=100').then((page) => setClips(page.items.filter((/** @type {{id: string}} */ r) => r.id !== recordingId)), notifyError)
  }, [])
  const chosen = clip || clips[0]?.id
  const fit = async () => {
    setBusy(true)
    const range = part.startS === undefined ? null : `${part.startS.toFixed(2)}s-${part.endS?.toFixed(2)}s`
    try {
      await post(`/recordings/${recordingId}/fits`, { clip: chosen, role, range })
      notify(t.queued)
    } catch (error) {
      notifyError(error)
    } finally {
      setBusy(false)
    }
  }
  return html`<section class="own-loop" aria-label=${t.own}><h3>${t.own}</h3>
    ${clips.length === 0 ? html`<p class="hint">${t.ownNone}</p>` : html`<p class="hint">${t.ownHint}</p>
      <div class="pair"><label class="field"><span>${t.ownClip}</span><${Select} label=${t.ownClip} value=${chosen} options=${clips.map((c) => [c.id, c.title])} onChange=${setClip} /></label>
        <label class="field"><span>${t.ownRole}</span><${Select} label=${t.ownRole} value=${role} options=${roles.map((r) => [r, nameOf(r)])} onChange=${setRole} /></label></div>
      <button class="btn sm" disabled=${busy} onClick=${fit}><${Icon} name="wand-sparkles" />${t.ownGo}</button>`}</section>`
}
