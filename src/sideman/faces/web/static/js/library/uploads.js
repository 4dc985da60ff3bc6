// The list of uploads, and the whole page as a place to drop files.
import { html, useEffect, useState } from '../ui.js'
import { Progress } from '../kit/controls.js'
import { Icon } from '../kit/icon.js'
import { analyseUploads } from '../preferences.js'
import { mayEdit } from '../session.js'
import { text } from '../text.js'
import { notifyError } from '../toasts.js'
import { addFiles, cancelUpload, clearFinished, retryUpload, uploads } from '../upload/queue.js'

/** What was dropped, with all that its folders hold. @param {DataTransfer} dropped @returns {Promise<File[]>} */
async function filesOf(dropped) {
  const files = [...dropped.files]
  const entries = [...dropped.items].flatMap((item) => item.webkitGetAsEntry?.() ?? [])
  return entries.some((e) => e.isDirectory) ? (await Promise.all(entries.map(inside))).flat() : files
}

/** @param {any} entry a FileSystemEntry @returns {Promise<File[]>} */
async function inside(entry) {
  if (entry.name.startsWith('.')) return []
  if (entry.isFile) return [await new Promise((done, failed) => entry.file(done, failed))]
  const reader = entry.createReader()
  const found = []
  for (;;) { // it tells at most a hundred at a time
    const some = await new Promise((done, failed) => reader.readEntries(done, failed))
    if (!some.length) break
    found.push(...some)
  }
  return (await Promise.all(found.map(inside))).flat()
}

/** True while files are dragged over the page. */
export function useDrop() {
  const [over, setOver] = useState(false)
  useEffect(() => {
    let depth = 0
    const files = (/** @type {DragEvent} */ e) => e.dataTransfer?.types.includes('Files')
    const enter = (/** @type {DragEvent} */ e) => {
      if (files(e)) setOver(++depth > 0)
    }
    const leave = (/** @type {DragEvent} */ e) => {
      if (files(e)) setOver(--depth > 0)
    }
    const move = (/** @type {DragEvent} */ e) => {
      if (files(e)) e.preventDefault()
    }
    const drop = (/** @type {DragEvent} */ e) => {
      if (!files(e)) return
      e.preventDefault()
      depth = 0
      setOver(false)
      if (mayEdit() && e.dataTransfer) filesOf(e.dataTransfer).then(addFiles, notifyError)
    }
    const all = /** @type {[string, any][]} */ ([['dragenter', enter], ['dragleave', leave], ['dragover', move], ['drop', drop]])
    for (const [name, run] of all) addEventListener(name, run)
    return () => {
      for (const [name, run] of all) removeEventListener(name, run)
    }
  }, [])
  return over
}

/** @param {{kind?: string}} props */
export function AddButton({ kind = 'btn primary' }) {
  const change = (/** @type {any} */ e) => {
    addFiles(e.target.files)
    e.target.value = ''
  }
  return html`<label class=${`${kind} file-button`}><${Icon} name="upload" />${text.library.add}<input type="file" multiple accept="audio/*,video/*,.zip" onChange=${change} /></label>`
}

export function UploadList() {
  if (!uploads.value.length) return null
  const finished = uploads.value.some((u) => u.state.value === 'done' || u.state.value === 'failed')
  return html`<section class="uploads" aria-label=${text.upload.list}>
    <header><h2>${text.upload.list}</h2><label class="check"><input type="checkbox" checked=${analyseUploads.value} onChange=${(/** @type {any} */ e) => (analyseUploads.value = e.target.checked)} />${text.upload.analyse}</label><span class="grow"></span>
      ${finished && html`<button class="btn sm" onClick=${clearFinished}>${text.upload.clear}</button>`}</header>
    ${uploads.value.map((u) => html`<${UploadRow} key=${u} item=${u} />`)}</section>`
}

/** @param {{item: import('../upload/queue.js').Upload}} props */
function UploadRow({ item }) {
  const state = item.state.value
  const percent = Math.round(item.share.value * 100)
  const said = {
    waiting: text.upload.waiting, sending: item.share.value >= 1 ? text.upload.checking : text.upload.share(percent), retrying: text.upload.retrying, done: item.known.value ? text.upload.known : text.upload.done, failed: item.error.value,
  }[state]
  return html`<div class=${`upload ${state}`}><span class="badge"><${Icon} name=${state === 'done' ? 'circle-check' : state === 'failed' ? 'circle-alert' : 'file-music'} /></span>
    <div class="grow">${state === 'done' ? html`<a href=${`#/recording/${item.recordingId.value}`}><b>${item.file.name}</b></a>` : html`<b>${item.file.name}</b>`} <small role=${state === 'failed' ? 'alert' : undefined}>${said}</small>
      ${state !== 'done' && state !== 'failed' && html`<${Progress} label=${item.file.name} share=${item.share.value} />`}</div>
    ${state === 'failed' && html`<button class="btn sm" onClick=${() => retryUpload(item)}><${Icon} name="rotate-cw" />${text.upload.again}</button>`}
    ${state !== 'done' && html`<button class="icon-button" aria-label=${text.upload.cancel(item.file.name)} onClick=${() => cancelUpload(item)}><${Icon} name="x" /></button>`}</div>`
}
