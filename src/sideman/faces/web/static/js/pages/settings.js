import { html, useEffect, useState } from '../ui.js'
import { get, post, remove } from '../api.js'
import { clock, day, size } from '../format.js'
import { Select } from '../kit/controls.js'
import { Icon } from '../kit/icon.js'
import { notifications, shortcuts, themeChoice } from '../preferences.js'
import { onJob } from '../jobs_store.js'
import { useEngines } from '../recording/generate_form.js'
import { Missing } from '../recording/separate.js'
import { me, signOut, whoAmI } from '../session.js'
import { text } from '../text.js'
import { notify, notifyError } from '../toasts.js'

export function SettingsPage() {
  useEffect(() => {
    whoAmI().catch(notifyError)
  }, [])
  return html`<main id="main" class="page settings" tabindex="-1"><header class="head"><h1>${text.settings.title}</h1></header>
    <${Account} /><${Appearance} /><${Models} /><${Keys} /><${About} /></main>`
}

function Account() {
  const t = text.settings
  const who = me.value
  if (!who) return null
  return html`<section><h2>${t.account}</h2><dl class="facts-list"><div><dt>${t.name}</dt><dd>${who.name}</dd></div><div><dt>${t.role}</dt><dd>${t.roles[who.role]}</dd></div><div><dt>${t.kept}</dt><dd class="num">${t.keptValue(size(who.sizeBytes), clock(who.audioS))}</dd></div></dl>
    ${who.csrf ? html`<button class="btn" onClick=${() => signOut().catch(notifyError)}><${Icon} name="log-out" />${text.signIn.out}</button>` : html`<p class="hint">${t.local}</p>`}</section>`
}

function Appearance() {
  const t = text.settings
  const able = 'Notification' in globalThis && isSecureContext
  const wish = async (/** @type {boolean} */ on) => {
    if (on && Notification.permission !== 'granted' && (await Notification.requestPermission()) !== 'granted') {
      notify(t.notificationsNo, 'bad')
      return
    }
    notifications.value = on
  }
  const themes = /** @type {[string, string][]} */ ([['system', t.system], ['dark', t.dark], ['light', t.light]])
  return html`<section><h2>${t.appearance}</h2>
    <label class="field inline"><span>${t.theme}</span><${Select} label=${t.theme} value=${themeChoice.value} options=${themes} onChange=${(/** @type {any} */ v) => (themeChoice.value = v)} /></label>
    <label class="check"><input type="checkbox" checked=${shortcuts.value} onChange=${(/** @type {any} */ e) => (shortcuts.value = e.target.checked)} /><span><b>${t.shortcuts}</b><small>${t.shortcutsHint}</small></span></label>
    <label class="check"><input type="checkbox" disabled=${!able} checked=${notifications.value} onChange=${(/** @type {any} */ e) => wish(e.target.checked)} /><span><b>${t.notifications}</b><small>${able ? t.notificationsHint : t.notificationsNo}</small></span></label></section>`
}

/** @typedef {{name: string, title: string, brings: string, sizeBytes: number, use: string, allowed: boolean, installed: boolean, acceptedBy: string | null, acceptedAt: string | null}} Model */

function Models() {
  const t = text.settings
  const [models, setModels] = useState(/** @type {Model[]} */ ([]))
  const [open, setOpen] = useState('')
  const load = () => get('/models').then(setModels, notifyError)
  useEffect(() => {
    load()
    return onJob((job) => {
      if (job.kind === 'model' && job.finishedAt) load()
    })
  }, [])
  const drop = async (/** @type {string} */ name) => {
    try {
      await remove(`/models/${name}`)
    } catch (error) {
      notifyError(error)
    }
    load()
  }
  const admin = me.value?.role === 'admin'
  return html`<section><h2>${t.models}</h2><p class="hint">${t.modelsHint}</p><ul class="keys-list">${models.map((m) => html`<li key=${m.name} class="model"><${Icon} name="layers" /><div class="grow"><b>${m.title}</b><small>${m.brings} · ${size(m.sizeBytes)} · ${text.separate.uses[m.use] ?? m.use}</small>
      ${m.installed && html`<small>${t.accepted(m.acceptedBy ?? '', day(m.acceptedAt ?? ''))}</small>`}${open === m.name && !m.installed && html`<${Missing} name=${m.name} />`}</div>
    ${m.installed ? admin && html`<button class="btn sm" aria-label=${t.dropModel(m.title)} onClick=${() => drop(m.name)}><${Icon} name="trash-2" />${text.common.remove}</button>` : html`<button class="btn sm" aria-expanded=${open === m.name} onClick=${() => setOpen(open === m.name ? '' : m.name)}>${t.terms}</button>`}</li>`)}</ul></section>`
}

/** @typedef {{id: string, name: string, hint: string, role: string, createdAt: string, lastUsedAt: string | null, revokedAt: string | null}} Key */

function Keys() {
  const t = text.settings
  const [keys, setKeys] = useState(/** @type {Key[]} */ ([]))
  const [made, setMade] = useState('')
  const load = () => get('/keys').then(setKeys, notifyError)
  useEffect(() => {
    load()
  }, [])
  const revoke = async (/** @type {string} */ id) => {
    try {
      await remove(`/keys/${id}`)
    } catch (error) {
      notifyError(error)
    }
    load()
  }
  return html`<section><h2>${t.keys}</h2><p class="hint">${t.keysHint}</p>
    ${keys.length ? html`<ul class="keys-list">${keys.map((k) => html`<li key=${k.id} class=${k.revokedAt ? 'revoked' : ''}><${Icon} name="key-round" /><div class="grow"><b>${k.name}</b> <code>${k.hint}…</code><small>${t.roles[k.role]} · ${k.revokedAt ? t.revoked : k.lastUsedAt ? t.lastUsed(day(k.lastUsedAt)) : t.neverUsed}</small></div>
      ${!k.revokedAt && html`<button class="btn sm" aria-label=${t.revoke(k.name)} onClick=${() => revoke(k.id)}><${Icon} name="x" />${text.common.remove}</button>`}</li>`)}</ul>` : html`<p class="muted">${t.noKeys}</p>`}
    ${made && html`<div class="made" role="status"><p>${t.keyMade}</p><code>${made}</code><button class="btn sm" onClick=${() => navigator.clipboard?.writeText(made).then(() => notify(t.copied, 'good'), notifyError)}>${t.copy}</button></div>`}
    <${NewKey} onMade=${(/** @type {string} */ token) => { setMade(token); load() }} /></section>`
}

/** @param {{onMade: (token: string) => void}} props */
function NewKey({ onMade }) {
  const t = text.settings
  const [name, setName] = useState('')
  const [role, setRole] = useState('viewer')
  const rank = ['viewer', 'editor', 'admin']
  const allowed = rank.slice(0, rank.indexOf(me.value?.role ?? 'viewer') + 1)
  const [busy, setBusy] = useState(false)
  const submit = async (/** @type {Event} */ e) => {
    e.preventDefault()
    if (busy) return
    setBusy(true)
    try {
      const key = await post('/keys', { name: name.trim() || 'key', role })
      setName('')
      onMade(key.token)
    } catch (error) {
      notifyError(error)
    }
    setBusy(false)
  }
  return html`<form class="row" onSubmit=${submit}><input type="text" maxlength="100" placeholder=${t.keyName} aria-label=${t.keyName} value=${name} onInput=${(/** @type {any} */ e) => setName(e.target.value)} /><${Select} label=${t.keyRole} value=${role} options=${allowed.map((r) => [r, r])} onChange=${setRole} /><button class="btn" disabled=${busy}><${Icon} name="plus" />${t.makeKey}</button></form>`
}

function About() {
  const t = text.settings
  const engines = useEngines()
  const [version, setVersion] = useState('')
  useEffect(() => {
    fetch('/health').then((a) => a.json()).then((h) => setVersion(h.version), notifyError)
  }, [])
  return html`<section><h2>${t.about}</h2>${version && html`<p>${t.version(version)}</p>`}
    ${engines && html`<dl class="facts-list"><div><dt>${t.separator}</dt><dd>${engines.separator}</dd></div>${engines.generators.map((g) => html`<div key=${g.name}><dt>${t.generator}</dt><dd>${g.name}: ${g.about} (${g.licence})</dd></div>`)}</dl>`}</section>`
}
