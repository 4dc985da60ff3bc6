// What lies in the trash: taken out of it, or really gone.
import { html, useState } from '../ui.js'
import { get, post, query, remove } from '../api.js'
import { Dialog } from '../kit/controls.js'
import { Icon } from '../kit/icon.js'
import { me } from '../session.js'
import { text } from '../text.js'
import { notify, notifyError } from '../toasts.js'

/** @param {{row: import('./list.js').Row, onDone: () => void}} props */
export function TrashActions({ row, onDone }) {
  const [asking, setAsking] = useState(false)
  const restore = async () => {
    try {
      await post(`/recordings/${row.id}/restore`)
      notify(text.batch.summaryTitle.restore, 'good')
      onDone()
    } catch (reason) {
      notifyError(reason)
    }
  }
  return html`<button class="btn sm" onClick=${restore}><${Icon} name="undo-2" />${text.library.restore}</button>
    <button class="icon-button" aria-label=${text.library.deleteOne(row.title)} title=${text.library.deleteNow} onClick=${() => setAsking(true)}><${Icon} name="trash-2" /></button>
    ${asking && html`<${ConfirmDelete} title=${text.library.confirmDelete(row.title)} onClose=${() => setAsking(false)} onYes=${async () => { setAsking(false); await erase([row.id]); onDone() }} />`}`
}

/** One's own, also of an administrator. @param {{onDone: () => void}} props */
export function EmptyTrash({ onDone }) {
  const [ids, setIds] = useState(/** @type {string[] | null} */ (null))
  const close = () => setIds(null)
  const empty = async () => {
    close()
    await erase(ids ?? [])
    onDone()
  }
  return html`<button class="btn" onClick=${() => ownTrashed().then(setIds, notifyError)}><${Icon} name="trash-2" />${text.library.emptyTrash}</button>
    ${ids && html`<${ConfirmDelete} title=${text.library.confirmEmpty(ids.length)} onClose=${close} onYes=${empty} />`}`
}

/** @returns {Promise<string[]>} */
async function ownTrashed() {
  const ids = []
  for (let cursor = ''; cursor !== null;) {
    const page = await get(`/recordings${query({ trashed: true, limit: 200, cursor })}`)
    ids.push(...page.items.filter((/** @type {{ownerId: string}} */ r) => r.ownerId === me.value?.userId).map((/** @type {{id: string}} */ r) => r.id))
    cursor = page.nextCursor
  }
  return ids
}

/** Each by itself: one that cannot go keeps no other one. @param {string[]} ids */
async function erase(ids) {
  const wrong = /** @type {unknown[]} */ ([])
  for (const id of ids) await remove(`/recordings/${id}`).catch((reason) => wrong.push(reason))
  if (wrong.length < ids.length) notify(text.library.deleted(ids.length - wrong.length), 'good')
  if (wrong.length) notifyError(wrong[0])
}

/** @param {{title: string, onClose: () => void, onYes: () => void}} props */
function ConfirmDelete({ title, onClose, onYes }) {
  return html`<${Dialog} title=${title} onClose=${onClose}><p>${text.library.confirmDeleteHint}</p>
    <footer><button class="btn" onClick=${onClose}>${text.common.cancel}</button><button class="btn danger" onClick=${onYes}><${Icon} name="trash-2" />${text.library.deleteNow}</button></footer><//>`
}
