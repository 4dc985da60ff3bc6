// What is asked about set lists: a name, which one, who else may see it.
import { html, useEffect, useState } from '../ui.js'
import { get, post, remove } from '../api.js'
import { Dialog, Select } from '../kit/controls.js'
import { Icon } from '../kit/icon.js'
import { me } from '../session.js'
import { text } from '../text.js'
import { notify } from '../toasts.js'
import { addSet, changeList, isMine, mayChange, sets } from './store.js'

const MOST_LETTERS = 100

/** Work of a dialog that stays open, and says why, when it fails. */
function useWork() {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState('')
  const run = async (/** @type {() => Promise<void>} */ work) => {
    if (busy) return
    setBusy(true)
    setError('')
    try {
      await work()
    } catch (reason) {
      setError(/** @type {Error} */ (reason).message)
    }
    setBusy(false)
  }
  return { busy, run, said: error && html`<p class="error" role="alert">${error}</p>` }
}

/** @param {{title: string, name?: string, onClose: () => void, onName: (name: string) => Promise<void>}} props */
export function NameDialog({ title, name = '', onClose, onName }) {
  const [typed, setTyped] = useState(name)
  const { busy, run, said } = useWork()
  const submit = (/** @type {Event} */ e) => {
    e.preventDefault()
    run(() => onName(typed.trim()))
  }
  return html`<${Dialog} title=${title} onClose=${onClose}><form onSubmit=${submit}>
    <label class="field"><span>${text.sets.name}</span><input type="text" maxlength=${MOST_LETTERS} value=${typed} onInput=${(/** @type {any} */ e) => setTyped(e.target.value)} /></label>${said}
    <footer><button type="button" class="btn" onClick=${onClose}>${text.common.cancel}</button><button class="btn primary" disabled=${busy || !typed.trim()}>${text.common.save}</button></footer></form><//>`
}

/** Puts recordings at the end of a set list, an old or a new one. @param {{ids: string[], onClose: () => void, onDone: () => void}} props */
export function PutDialog({ ids, onClose, onDone }) {
  const t = text.sets
  const known = (sets.value ?? []).filter(mayChange)
  const [chosen, setChosen] = useState(known.find(isMine)?.id ?? '')
  const [name, setName] = useState('')
  const { busy, run, said } = useWork()
  const submit = (/** @type {Event} */ e) => {
    e.preventDefault()
    run(async () => {
      const set = known.find((s) => s.id === chosen) ?? (await addSet(name.trim()))
      setChosen(set.id)
      const more = await changeList(set.id, (there) => [...there, ...ids.filter((id) => !there.includes(id))])
      notify(t.put(more, set.name), 'good')
      onDone()
    })
  }
  const options = /** @type {[string, string][]} */ ([...known.map((s) => [s.id, s.name]), ['', t.add]])
  return html`<${Dialog} title=${t.putTitle(ids.length)} onClose=${onClose}><form onSubmit=${submit}>
    <label class="field"><span>${t.one}</span><${Select} label=${t.one} value=${chosen} options=${options} onChange=${setChosen} /></label>
    ${!chosen && html`<label class="field"><span>${t.name}</span><input type="text" maxlength=${MOST_LETTERS} value=${name} onInput=${(/** @type {any} */ e) => setName(e.target.value)} /></label>`}<p class="hint">${t.putHint}</p>${said}
    <footer><button type="button" class="btn" onClick=${onClose}>${text.common.cancel}</button><button class="btn primary" disabled=${busy || (!chosen && !name.trim())}>${t.putGo}</button></footer></form><//>`
}

/** @typedef {{id: string, userName: string, access: 'read' | 'write'}} Share */

/** Who else may see or change something. @param {{at: string, title: string, hint: string, ownerId: string, onClose: () => void}} props */
export function ShareDialog({ at, title, hint, ownerId, onClose }) {
  const t = text.share
  const [shares, setShares] = useState(/** @type {Share[] | null} */ (null))
  const [others, setOthers] = useState(/** @type {string[] | null} */ (null))
  const { run, said } = useWork()
  const listed = me.value?.role === 'admin'
  const load = async () => setShares(await get(`${at}/shares`))
  useEffect(() => {
    run(async () => {
      await load()
      if (listed) setOthers(await namesBut(ownerId))
    })
  }, [at])
  const drop = (/** @type {string} */ id) => run(async () => {
    await remove(`${at}/shares/${id}`)
    await load()
  })
  return html`<${Dialog} title=${t.title(title)} onClose=${onClose}>
    ${shares && (shares.length ? html`<ul class="keys-list">${shares.map((s) => html`<li key=${s.id}><div class="grow"><b>${s.userName}</b><small>${t.access[s.access]}</small></div>
      <button class="btn sm" aria-label=${t.drop(s.userName)} onClick=${() => drop(s.id)}><${Icon} name="x" />${text.common.remove}</button></li>`)}</ul>` : html`<p class="muted">${t.nobody}</p>`)}<p class="hint">${hint}</p>${said}
    ${!others && listed ? null : others && !others.length ? html`<p class="hint">${t.alone}</p>` : html`<${NewShare} at=${at} others=${others} onMade=${load} />`}
    <footer><button class="btn" onClick=${onClose}>${text.common.done}</button></footer><//>`
}

/** @param {string} ownerId @returns {Promise<string[]>} */
async function namesBut(ownerId) {
  const users = await get('/users')
  return users.filter((/** @type {any} */ u) => u.id !== ownerId && !u.disabledAt).map((/** @type {any} */ u) => u.name)
}

/** others: names to choose from; null where they may not be listed, and one is typed. @param {{at: string, others: string[] | null, onMade: () => Promise<void>}} props */
function NewShare({ at, others, onMade }) {
  const t = text.share
  const [name, setName] = useState('')
  const [access, setAccess] = useState('read')
  const { busy, run, said } = useWork()
  const user = name || (others?.[0] ?? '')
  const submit = (/** @type {Event} */ e) => {
    e.preventDefault()
    run(async () => {
      await post(`${at}/shares`, { user: user.trim(), access })
      setName('')
      await onMade()
    })
  }
  return html`<form class="row" onSubmit=${submit}>
    ${others ? html`<${Select} label=${t.user} value=${user} options=${others.map((o) => [o, o])} onChange=${setName} />` : html`<input type="text" maxlength=${MOST_LETTERS} placeholder=${t.user} aria-label=${t.user} value=${name} onInput=${(/** @type {any} */ e) => setName(e.target.value)} />`}
    <${Select} label=${t.mayWhat} value=${access} options=${Object.entries(t.access)} onChange=${setAccess} /><button class="btn" disabled=${busy || !user.trim()}><${Icon} name="plus" />${t.go}</button>${said}</form>`
}
