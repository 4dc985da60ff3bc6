// Recordings as rows of a table or as cards.
import { html, useRef } from '../ui.js'
import { clock, day, tempo } from '../format.js'
import { jobs, isUnfinished } from '../jobs_store.js'
import { Artwork } from '../kit/artwork.js'
import { Icon } from '../kit/icon.js'
import { colorStyle, nameOf } from '../kit/roles.js'
import { keyName } from '../music.js'
import { recordingIn } from '../sets/store.js'
import { text } from '../text.js'
import { say } from '../toasts.js'
import { TrashActions } from './trash.js'

/** @typedef {{id: string, title: string, artist: string, durationS: number, tempoBpm: number | null, key: {name: string} | null, status: 'uploaded' | 'analyzing' | 'analyzed' | 'failed', addedAt: string, artworkUrl: string | null, tags: string[], stemRoles: string[], trashedAt: string | null}} Row */
/** @typedef {{rows: Row[], selecting: boolean, selected: Set<string>, onToggle: (id: string, range: boolean) => void, onAll: (on: boolean) => void, onTrash: (() => void) | null, setId: string, onMove: ((id: string, before: string | null) => Promise<void>) | null}} ListProps */

/** @param {{row: Row}} props */
function Status({ row }) {
  const job = [...jobs.value.values()].find((j) => j.recordingId === row.id && j.kind === 'analysis' && isUnfinished(j))
  const state = job ? 'analyzing' : row.status
  const share = job?.state === 'running' ? ` ${Math.round(job.share * 100)} %` : ''
  return html`<span class=${`status ${state}`}>${text.library.status[state]}${share}</span>`
}

/** @param {{roles: string[]}} props */
function StemDots({ roles }) {
  if (!roles.length) return html`<span class="muted">–</span>`
  return html`<span class="dots" role="img" aria-label=${`${text.common.stems(roles.length)}: ${roles.map(nameOf).join(', ')}`}>${roles.map((role, i) => html`<i key=${i} style=${colorStyle(role)} title=${nameOf(role)}></i>`)}</span>`
}

/** @param {{row: Row, selected: Set<string>, onToggle: ListProps['onToggle']}} props */
function Check({ row, selected, onToggle }) {
  return html`<input type="checkbox" aria-label=${text.library.selectOne(row.title)} checked=${selected.has(row.id)} onClick=${(/** @type {MouseEvent} */ e) => onToggle(row.id, e.shiftKey)} />`
}

/** Up and down in a set list; rows can be dragged too. @param {{rows: Row[], at: number, onMove: NonNullable<ListProps['onMove']>}} props */
function MoveButtons({ rows, at, onMove }) {
  const { id, title } = rows[at]
  const cell = useRef(/** @type {HTMLElement | null} */ (null))
  const press = async (/** @type {number} */ which, /** @type {string | null} */ before) => {
    await onMove(id, before)
    await new Promise((shown) => setTimeout(shown))
    const buttons = cell.current?.querySelectorAll('button') ?? []
    const pressed = buttons[which]?.disabled ? buttons[1 - which] : buttons[which]
    pressed?.focus() // a row that is moved loses it
    say(text.sets.moved(title, which === 0 ? at : at + 2, rows.length))
  }
  return html`<td class="move" ref=${cell}><button class="icon-button" disabled=${at === 0} aria-label=${text.sets.up(title)} onClick=${() => press(0, rows[at - 1].id)}><${Icon} name="arrow-up" /></button><button class="icon-button" disabled=${at === rows.length - 1} aria-label=${text.sets.down(title)} onClick=${() => press(1, rows[at + 2]?.id ?? null)}><${Icon} name="arrow-down" /></button></td>`
}

const DRAGGED = 'application/x-sideman-recording'

/** A row that is dragged takes the place of the row that it is dropped on. @param {Row[]} rows @param {number} at @param {NonNullable<ListProps['onMove']>} onMove */
const dragging = (rows, at, onMove) => ({
  draggable: true,
  onDragStart: (/** @type {DragEvent} */ e) => e.dataTransfer?.setData(DRAGGED, rows[at].id),
  onDragOver: (/** @type {DragEvent} */ e) => {
    if (e.dataTransfer?.types.includes(DRAGGED)) e.preventDefault()
  },
  onDrop: (/** @type {DragEvent} */ e) => {
    const from = rows.findIndex((r) => r.id === e.dataTransfer?.getData(DRAGGED))
    if (from < 0) return
    e.preventDefault()
    if (from !== at) onMove(rows[from].id, rows[from < at ? at + 1 : at]?.id ?? null)
  },
})

/** @param {ListProps} props */
export function Table({ rows, selecting, selected, onToggle, onAll, onTrash, setId, onMove }) {
  const c = text.library.columns
  const all = rows.length > 0 && rows.every((r) => selected.has(r.id))
  return html`<div class="table-wrap"><table class=${`recordings ${onTrash ? 'trashed' : ''}`}><thead><tr>
    ${selecting && html`<th class="tick"><input type="checkbox" aria-label=${all ? text.library.selectNone : text.library.selectAll} checked=${all} onChange=${() => onAll(!all)} /></th>`}
    <th>${c.title}</th><th class="wide-only">${c.stems}</th><th>${c.length}</th><th>${c.tempo}</th><th>${c.key}</th><th>${c.status}</th><th class="wide-only">${c.added}</th>${(onTrash || onMove) && html`<th><span class="sr">${text.common.actions}</span></th>`}</tr></thead>
    <tbody>${rows.map((r, at) => html`<tr key=${r.id} ...${onMove ? dragging(rows, at, onMove) : {}} class=${selected.has(r.id) ? 'selected' : ''}>
      ${selecting && html`<td class="tick"><${Check} row=${r} selected=${selected} onToggle=${onToggle} /></td>`}
      <td><div class="what"><${Artwork} recording=${r} size="42" /><div><a class="title" href=${`#${recordingIn(r.id, setId)}`}>${r.title}</a><div class="by">${r.artist || text.common.unknownArtist}${r.tags.map((t) => html`<span class="tag" key=${t}>#${t}</span>`)}</div></div></div></td>
      <td class="wide-only"><${StemDots} roles=${r.stemRoles} /></td><td class="num">${clock(r.durationS)}</td><td class="num">${tempo(r.tempoBpm)}</td><td class="key">${keyName(r.key?.name ?? null)}</td>
      <td><${Status} row=${r} /></td><td class="wide-only">${day(r.addedAt)}</td>
      ${onMove && html`<${MoveButtons} rows=${rows} at=${at} onMove=${onMove} />`}
      ${onTrash && html`<td><div class="row"><${TrashActions} row=${r} onDone=${onTrash} /></div></td>`}</tr>`)}</tbody></table></div>`
}

/** @param {ListProps} props */
export function Cards({ rows, selecting, selected, onToggle, onTrash, setId }) {
  return html`<ul class="cards">${rows.map((r) => html`<li key=${r.id} class=${`card ${selected.has(r.id) ? 'selected' : ''}`}>
    ${selecting && html`<span class="tick"><${Check} row=${r} selected=${selected} onToggle=${onToggle} /></span>`}
    <a class="cover" href=${`#${recordingIn(r.id, setId)}`} tabindex="-1" aria-hidden="true"><${Artwork} recording=${r} size="200" /></a>
    <a class="title" href=${`#${recordingIn(r.id, setId)}`}>${r.title}</a><div class="by">${r.artist || text.common.unknownArtist}</div>
    <div class="facts"><span class="num">${clock(r.durationS)}</span><span class="num">${tempo(r.tempoBpm)} ${text.filters.bpm}</span><span>${keyName(r.key?.name ?? null)}</span></div>
    <div class="row"><${Status} row=${r} /><span class="grow"></span><${StemDots} roles=${r.stemRoles} /></div>
    ${onTrash && html`<div class="row"><${TrashActions} row=${r} onDone=${onTrash} /></div>`}</li>`)}</ul>`
}
