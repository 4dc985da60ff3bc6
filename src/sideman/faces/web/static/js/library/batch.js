// What is done with many recordings at once, and what came of it.
import { html, useState } from '../ui.js'
import { post } from '../api.js'
import { Dialog } from '../kit/controls.js'
import { Icon } from '../kit/icon.js'
import { GenerateForm, useEngines } from '../recording/generate_form.js'
import { PutDialog } from '../sets/dialogs.js'
import { changeList, mayChange } from '../sets/store.js'
import { text } from '../text.js'
import { notify, notifyError } from '../toasts.js'

/** @typedef {'analyse' | 'generate' | 'tag' | 'export' | 'trash'} Action */
/** @typedef {import('../sets/store.js').SetList} SetList */
/** @typedef {{action: Action, succeeded: number, failed: number, items: {recordingId: string, error: string | null}[]}} Summary */

const BUTTONS = /** @type {[Action, string][]} */ ([['analyse', 'activity'], ['generate', 'wand-sparkles'], ['tag', 'tag'], ['export', 'download'], ['trash', 'trash-2']])

/** @param {{ids: string[], titles: Map<string, string>, set: SetList | null, onDone: () => void, onGone: (ids: string[]) => void, onClear: () => void}} props */
export function BatchBar({ ids, titles, set, onDone, onGone, onClear }) {
  const [asking, setAsking] = useState(/** @type {Action | 'put' | null} */ (null))
  const [summary, setSummary] = useState(/** @type {Summary | null} */ (null))
  const [busy, setBusy] = useState(false)
  const run = async (/** @type {Action} */ action, /** @type {any} */ body = {}) => {
    setAsking(null)
    setBusy(true)
    try {
      const done = await post(`/batch/${action}`, { recordingIds: ids, ...body })
      setSummary({ action, ...done })
      notify(`${text.batch.summaryTitle[action]}: ${text.batch.summary(done.succeeded, done.failed)}`, done.failed ? 'bad' : 'good')
      if (action === 'trash') onGone(done.items.filter((/** @type {Summary['items'][0]} */ i) => !i.error).map((/** @type {Summary['items'][0]} */ i) => i.recordingId))
      onDone()
    } catch (error) {
      notifyError(error)
    }
    setBusy(false)
  }
  const start = (/** @type {Action} */ action) => (action === 'analyse' || action === 'export' ? run(action) : setAsking(action))
  const takeOut = async (/** @type {SetList} */ from) => {
    try {
      const more = await changeList(from.id, (there) => there.filter((id) => !ids.includes(id)))
      notify(text.sets.taken(-more, from.name), 'good')
      onClear()
      onDone()
    } catch (error) {
      notifyError(error)
    }
  }
  return html`<div class="batch" role="toolbar" aria-label=${text.batch.bar}>
      <span class="num" aria-live="polite">${text.batch.selected(ids.length)}</span>
      ${BUTTONS.map(([action, icon]) => html`<button class="btn sm" key=${action} disabled=${!ids.length || busy} onClick=${() => start(action)}><${Icon} name=${icon} /><span>${text.batch[action]}</span></button>`)}
      <button class="btn sm" disabled=${!ids.length} onClick=${() => setAsking('put')}><${Icon} name="list" /><span>${text.sets.putGo}</span></button>
      ${set && mayChange(set) && html`<button class="btn sm" disabled=${!ids.length} onClick=${() => takeOut(set)}><${Icon} name="x" /><span>${text.sets.take}</span></button>`}
      <button class="icon-button" aria-label=${text.batch.clear} onClick=${onClear}><${Icon} name="x" /></button></div>
    ${asking === 'trash' && html`<${ConfirmTrash} count=${ids.length} onClose=${() => setAsking(null)} onYes=${() => run('trash')} />`}
    ${asking === 'put' && html`<${PutDialog} ids=${ids} onClose=${() => setAsking(null)} onDone=${() => { setAsking(null); onDone() }} />`}
    ${asking === 'tag' && html`<${TagDialog} count=${ids.length} onClose=${() => setAsking(null)} onYes=${(/** @type {any} */ body) => run('tag', body)} />`}
    ${asking === 'generate' && html`<${GenerateDialog} count=${ids.length} onClose=${() => setAsking(null)} onYes=${(/** @type {any} */ body) => run('generate', body)} />`}
    ${summary && html`<${SummaryDialog} summary=${summary} titles=${titles} onClose=${() => setSummary(null)} />`}`
}

/** @param {{count: number, onClose: () => void, onYes: () => void}} props */
export function ConfirmTrash({ count, onClose, onYes }) {
  return html`<${Dialog} title=${text.batch.confirmTrash(count)} onClose=${onClose}><p>${text.batch.confirmTrashHint}</p>
    <footer><button class="btn" onClick=${onClose}>${text.common.cancel}</button><button class="btn danger" onClick=${onYes}><${Icon} name="trash-2" />${text.batch.trash}</button></footer><//>`
}

/** @param {{count: number, onClose: () => void, onYes: (body: any) => void}} props */
function TagDialog({ count, onClose, onYes }) {
  const [add, setAdd] = useState('')
  const [drop, setDrop] = useState('')
  const words = (/** @type {string} */ s) => s.split(',').map((x) => x.trim()).filter(Boolean)
  const submit = (/** @type {Event} */ e) => {
    e.preventDefault()
    onYes({ add: words(add), remove: words(drop) })
  }
  return html`<${Dialog} title=${text.batch.tagTitle(count)} onClose=${onClose}><form onSubmit=${submit}>
    <label class="field"><span>${text.batch.tagAdd}</span><input type="text" value=${add} onInput=${(/** @type {any} */ e) => setAdd(e.target.value)} /></label>
    <label class="field"><span>${text.batch.tagRemove}</span><input type="text" value=${drop} onInput=${(/** @type {any} */ e) => setDrop(e.target.value)} /></label>
    <p class="hint">${text.batch.tagHint}</p>
    <footer><button type="button" class="btn" onClick=${onClose}>${text.common.cancel}</button><button class="btn primary" disabled=${!words(add).length && !words(drop).length}>${text.batch.tag}</button></footer></form><//>`
}

/** @param {{count: number, onClose: () => void, onYes: (body: any) => void}} props */
function GenerateDialog({ count, onClose, onYes }) {
  const engines = useEngines()
  const [wish, setWish] = useState(/** @type {import('../recording/generate_form.js').Wish} */ ({ roles: ['bass'], style: '', seed: '' }))
  const unusable = Boolean(engines?.generators.find((g) => g.engine === wish.engine)?.problem)
  const body = { engine: wish.engine ?? '', roles: wish.roles, style: wish.style || null, seed: wish.seed === '' ? null : Number(wish.seed), prompt: wish.prompt ?? '', energy: Number(wish.energy ?? 0), temperature: Number(wish.temperature ?? 1) }
  return html`<${Dialog} title=${text.batch.generateTitle(count)} onClose=${onClose}>
    ${engines && html`<${GenerateForm} engines=${engines} wish=${wish} onChange=${setWish} />`}
    <footer><button class="btn" onClick=${onClose}>${text.common.cancel}</button><button class="btn primary" disabled=${unusable || !wish.roles.length} onClick=${() => onYes(body)}><${Icon} name="wand-sparkles" />${text.batch.generate}</button></footer><//>`
}

/** @param {{summary: Summary, titles: Map<string, string>, onClose: () => void}} props */
function SummaryDialog({ summary, titles, onClose }) {
  const failed = summary.items.filter((i) => i.error)
  const hint = { analyse: text.batch.queued, generate: text.batch.queued, export: text.batch.exportHint, tag: '', trash: text.batch.confirmTrashHint }[summary.action]
  return html`<${Dialog} title=${`${text.batch.summaryTitle[summary.action]}: ${text.batch.summary(summary.succeeded, summary.failed)}`} onClose=${onClose}>
    ${summary.succeeded > 0 && hint && html`<p>${hint}</p>`}
    ${failed.length > 0 && html`<ul class="failures">${failed.map((i) => html`<li key=${i.recordingId}><b>${titles.get(i.recordingId) ?? i.recordingId}</b><span>${i.error}</span></li>`)}</ul>`}
    <footer><button class="btn primary" onClick=${onClose}>${text.common.done}</button></footer><//>`
}
