// What is asked about set lists: a name, which one, who else may see it.
import { html, useEffect, useState } from '../ui.js'
import { get, post, remove } from '../api.js'
import { Dialog, Select } from '../kit/controls.js'
import { Icon } from '../kit/icon.js'
import { me } from '../session.js'
import { text } from '../text.js'
import { notify, notifyError } from '../toasts.js'
import { addSet, changeSet, mayChange, sets } from './store.js'

/** @param {{title: string, name?: string, onClose: () => void, onName: (name: string) => void}} props */
export function NameDialog({ title, name = '', onClose, onName }) {
  const [typed, setTyped] = useState(name)
  const submit = (/** @type {Event} */ e) => {
    e.preventDefault()
    onName(typed.trim())
  }
  return html`<${Dialog} title=${title} onClose=${onClose}><form onSubmit=${submit}>
    <label class="field"><span>${text.sets.name}</span><input type="text" maxlength="200" value=${typed} onInput=${(/** @type {any} */ e) => setTyped(e.target.value)} /></label>
    <footer><button type="button" class="btn" onClick=${onClose}>${text.common.cancel}</button><button class="btn primary" disabled=${!typed.trim()}>${text.common.save}</button></footer></form><//>`
}

/** Puts recordings at the end of a set list, an old or a new one. @param {{ids: string[], onClose: () => void, onDone: () => void}} props */
export function PutDialog({ ids, onClose, onDone }) {
  const t = text.sets
  const known = (sets.value ?? []).filter(mayChange)
  const [chosen, setChosen] = useState(known[0]?.id ?? '')
  const [name, setName] = useState('')
  const submit = async (/** @type {Event} */ e) => {
    e.preventDefault()
    try {
      const set = known.find((s) => s.id === chosen) ?? (await addSet(name.trim()))
      const fresh = ids.filter((id) => !set.recordingIds.includes(id))
      await changeSet(set.id, { recordingIds: [...set.recordingIds, ...fresh] })
      notify(t.put(fresh.length, set.name), 'good')
      onDone()
    } catch (error) {
      notifyError(error)
    }
  }
  const options = /** @type {[string, string][]} */ ([...known.map((s) => [s.id, s.name]), ['', t.add]])
  return html`<${Dialog} title=${t.putTitle(ids.length)} onClose=${onClose}><form onSubmit=${submit}>
    <label class="field"><span>${t.one}</span><${Select} label=${t.one} value=${chosen} options=${options} onChange=${setChosen} /></label>
    ${!chosen && html`<label class="field"><span>${t.name}</span><input type="text" maxlength="200" value=${name} onInput=${(/** @type {any} */ e) => setName(e.target.value)} /></label>`}
    <footer><button type="button" class="btn" onClick=${onClose}>${text.common.cancel}</button><button class="btn primary" disabled=${!chosen && !name.trim()}>${t.putGo}</button></footer></form><//>`
}

/** @typedef {{id: string, userName: string, access: 'read' | 'write'}} Share */

/** Who else may see or change something. @param {{at: string, title: string, ownerId: string, onClose: () => void}} props */
export function ShareDialog({ at, title, ownerId, onClose }) {
  const t = text.share
  const [shares, setShares] = useState(/** @type {Share[] | null} */ (null))
  const others = useOthers(ownerId)
  const load = () => get(`${at}/shares`).then(setShares, notifyError)
  useEffect(() => {
    load()
  }, [at])
  const drop = async (/** @type {string} */ id) => {
    try {
      await remove(`${at}/shares/${id}`)
    } catch (error) {
      notifyError(error)
    }
    load()
  }
  return html`<${Dialog} title=${t.title(title)} onClose=${onClose}>
    ${shares && (shares.length ? html`<ul class="keys-list">${shares.map((s) => html`<li key=${s.id}><div class="grow"><b>${s.userName}</b><small>${t.access[s.access]}</small></div>
      <button class="btn sm" aria-label=${t.drop(s.userName)} onClick=${() => drop(s.id)}><${Icon} name="x" />${text.common.remove}</button></li>`)}</ul>` : html`<p class="muted">${t.nobody}</p>`)}
    ${others && !others.length ? html`<p class="hint">${t.alone}</p>` : html`<${NewShare} at=${at} others=${others} onMade=${load} />`}
    <footer><button class="btn" onClick=${onClose}>${text.common.done}</button></footer><//>`
}

/** Names of all users but the owner; null for who may not list them. @param {string} ownerId */
function useOthers(ownerId) {
  const [others, setOthers] = useState(/** @type {string[] | null} */ (null))
  useEffect(() => {
    if (me.value?.role !== 'admin') return
    get('/users').then((found) => setOthers(found.filter((/** @type {any} */ u) => u.id !== ownerId && !u.disabledAt).map((/** @type {any} */ u) => u.name)), notifyError)
  }, [ownerId])
  return others
}

/** @param {{at: string, others: string[] | null, onMade: () => void}} props */
function NewShare({ at, others, onMade }) {
  const t = text.share
  const [name, setName] = useState('')
  const [access, setAccess] = useState('read')
  const user = name || (others?.[0] ?? '')
  const submit = async (/** @type {Event} */ e) => {
    e.preventDefault()
    try {
      await post(`${at}/shares`, { user: user.trim(), access })
      setName('')
      onMade()
    } catch (error) {
      notifyError(error)
    }
  }
  return html`<form class="row" onSubmit=${submit}>
    ${others ? html`<${Select} label=${t.user} value=${user} options=${others.map((o) => [o, o])} onChange=${setName} />` : html`<input type="text" maxlength="300" placeholder=${t.user} aria-label=${t.user} value=${name} onInput=${(/** @type {any} */ e) => setName(e.target.value)} />`}
    <${Select} label=${t.mayWhat} value=${access} options=${Object.entries(t.access)} onChange=${setAccess} /><button class="btn" disabled=${!user.trim()}><${Icon} name="plus" />${t.go}</button></form>`
}
