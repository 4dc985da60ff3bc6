// What lies in the trash: taken out of it, or really gone.
import { html, useState } from '../ui.js'
import { get, post, query, remove } from '../api.js'
import { Dialog } from '../kit/controls.js'
import { Icon } from '../kit/icon.js'
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

/** @param {{onDone: () => void}} props */
export function EmptyTrash({ onDone }) {
  const [asking, setAsking] = useState(false)
  const empty = async () => {
    setAsking(false)
    await allTrashed().then(erase, notifyError)
    onDone()
  }
  return html`<button class="btn" onClick=${() => setAsking(true)}><${Icon} name="trash-2" />${text.library.emptyTrash}</button>
    ${asking && html`<${ConfirmDelete} title=${text.library.confirmEmpty} onClose=${() => setAsking(false)} onYes=${empty} />`}`
}

/** @returns {Promise<string[]>} */
async function allTrashed() {
  const ids = []
  for (let cursor = ''; cursor !== null;) {
    const page = await get(`/recordings${query({ trashed: true, limit: 200, cursor })}`)
    ids.push(...page.items.map((/** @type {import('./list.js').Row} */ r) => r.id))
    cursor = page.nextCursor
  }
  return ids
}

/** Each by itself: one that is somebody else's keeps no other one. @param {string[]} ids */
async function erase(ids) {
  let gone = 0
  for (const id of ids) await remove(`/recordings/${id}`).then(() => gone++, notifyError)
  if (gone) notify(text.library.deleted(gone), 'good')
}

/** @param {{title: string, onClose: () => void, onYes: () => void}} props */
function ConfirmDelete({ title, onClose, onYes }) {
  return html`<${Dialog} title=${title} onClose=${onClose}><p>${text.library.confirmDeleteHint}</p>
    <footer><button class="btn" onClick=${onClose}>${text.common.cancel}</button><button class="btn danger" onClick=${onYes}><${Icon} name="trash-2" />${text.library.deleteNow}</button></footer><//>`
}
