import { html, useEffect, useRef, useState } from '../ui.js'
import { get, query } from '../api.js'
import { onJob } from '../jobs_store.js'
import { Empty, Failure, Loading } from '../kit/controls.js'
import { Icon } from '../kit/icon.js'
import { libraryView } from '../preferences.js'
import { route } from '../router.js'
import { mayEdit } from '../session.js'
import { SetMenu } from '../sets/menu.js'
import { addressOf, changeList, loadSets, mayChange, reordered, sets } from '../sets/store.js'
import { text } from '../text.js'
import { notifyError } from '../toasts.js'
import { arrivals, uploads } from '../upload/queue.js'
import { BatchBar } from './batch.js'
import { Filters } from './filters.js'
import { Cards, Table } from './list.js'
import { chips, question, readSearch, writeSearch } from './search.js'
import { EmptyTrash } from './trash.js'
import { AddButton, UploadList } from './uploads.js'
import { Welcome } from './welcome.js'

const PAGE = 100
const PAGE_OF_SET = 200
/** @typedef {import('./list.js').Row} Row */
/** @typedef {{asked: string, rows: Row[], next: string | null}} Loaded */

/** The list that a search finds, page by page; loaded again when something arrives. @param {string} asked */
function useRecordings(asked) {
  const [loaded, setLoaded] = useState(/** @type {Loaded | null} */ (null))
  const [error, setError] = useState(/** @type {Error | null} */ (null))
  const latest = useRef(asked)
  const turn = useRef(0)
  latest.current = asked
  const load = async () => {
    const mine = ++turn.current
    try {
      const page = await get(`/recordings${asked}`)
      if (latest.current !== asked || turn.current !== mine) return
      setLoaded({ asked, rows: page.items, next: page.nextCursor })
      setError(null)
    } catch (reason) {
      if (latest.current === asked) setError(/** @type {Error} */ (reason))
    }
  }
  const more = async () => {
    if (!loaded?.next) return
    const mine = ++turn.current
    try {
      const page = await get(`/recordings${asked}&cursor=${encodeURIComponent(loaded.next)}`)
      if (latest.current === asked && turn.current === mine) setLoaded({ asked, rows: [...loaded.rows, ...page.items], next: page.nextCursor })
    } catch (reason) {
      notifyError(reason)
    }
  }
  useEffect(() => {
    load()
  }, [asked, arrivals.value])
  useEffect(() => onJob((job) => {
    if (job.kind !== 'mix' && job.kind !== 'export' && job.finishedAt) load()
  }), [asked])
  return { loaded, error, load, more }
}

/** @param {Row[]} rows @param {string} list what is chosen in one list is not in another */
function useSelection(rows, list) {
  const [selecting, setSelecting] = useState(false)
  const [selected, setSelected] = useState(/** @type {Set<string>} */ (new Set()))
  const last = useRef('')
  const toggle = (/** @type {string} */ id, /** @type {boolean} */ range) => {
    const next = new Set(selected)
    const on = !next.has(id)
    const [a, b] = [rows.findIndex((r) => r.id === last.current), rows.findIndex((r) => r.id === id)]
    const ids = range && a >= 0 ? rows.slice(Math.min(a, b), Math.max(a, b) + 1).map((r) => r.id) : [id]
    for (const one of ids) on ? next.add(one) : next.delete(one)
    last.current = id
    setSelected(next)
  }
  const all = (/** @type {boolean} */ on) => setSelected(new Set(on ? rows.map((r) => r.id) : []))
  const drop = (/** @type {string[]} */ ids) => setSelected((before) => new Set([...before].filter((id) => !ids.includes(id))))
  const stop = () => {
    setSelecting(false)
    setSelected(new Set())
  }
  useEffect(stop, [list])
  return { selecting, selected, toggle, all, drop, stop, start: () => setSelecting(true) }
}

export function LibraryPage() {
  const search = readSearch(route.value.query)
  const asked = query({ ...question(search), limit: search.set ? PAGE_OF_SET : PAGE })
  const { loaded, error, load, more } = useRecordings(asked)
  const rows = loaded?.rows ?? []
  const choice = useSelection(rows, `${search.set} ${search.trashed}`)
  const set = sets.value?.find((s) => s.id === search.set) ?? null
  const filtered = Boolean(search.q) || chips(search).length > 0
  const move = async (/** @type {string} */ id, /** @type {string | null} */ before) => {
    if (!set) return
    try {
      await changeList(set.id, (there) => reordered(there, id, before))
    } catch (reason) {
      notifyError(reason)
      loadSets().catch(notifyError)
    }
    await load()
  }
  const movable = set && mayChange(set) && !search.trashed && search.sort === 'position' && !search.descending && !filtered && !loaded?.next
  const first = loaded?.asked === asked && !rows.length && !filtered && !search.trashed && !search.set
  const List = libraryView.value === 'cards' ? Cards : Table
  return html`<main id="main" class="page" tabindex="-1">
    <header class="head"><h1>${search.trashed ? text.library.trash : set ? set.name : text.library.title}</h1>${loaded && rows.length > 0 && html`<small class="num">${text.library.count(rows.length, loaded.next !== null)}</small>`}<span class="grow"></span>
      ${!search.trashed && !first && html`<${SetMenu} chosen=${set} inside=${Boolean(search.set)} />`}
      ${search.trashed ? html`${rows.length > 0 && !filtered && mayEdit() && html`<${EmptyTrash} onDone=${load} />`}<a class="btn" href="#/library"><${Icon} name="library" />${text.library.backToLibrary}</a>` : html`
        ${rows.length > 0 && mayEdit() && html`<button class="btn" aria-pressed=${choice.selecting} onClick=${choice.selecting ? choice.stop : choice.start}><${Icon} name="square-check" />${choice.selecting ? text.library.selectDone : text.library.select}</button>`}
        <button class="btn" onClick=${() => writeSearch({ ...search, set: '', sort: 'added', descending: true, trashed: true })}><${Icon} name="trash-2" />${text.library.trash}</button>${mayEdit() && html`<${AddButton} />`}`}</header>
    ${!first && html`<${Filters} search=${search} />`}
    <${UploadList} />
    ${choice.selecting && html`<div class="row select-tools"><button class="btn sm" onClick=${() => choice.all(true)}>${text.library.selectAll}</button><button class="btn sm" onClick=${() => choice.all(false)}>${text.library.selectNone}</button></div>`}
    ${error ? html`<${Failure} error=${error} retry=${load} />` : !loaded ? html`<${Loading} />` : first && !uploads.value.length ? html`<${Welcome} onDemo=${load} />` : !rows.length ? html`
      <${Empty} icon=${search.trashed ? 'trash-2' : 'search'} title=${search.trashed ? text.library.trashEmpty : first ? text.welcome.title : set && !filtered ? text.sets.empty : text.library.nothing} hint=${search.trashed ? text.library.trashHint : set && !filtered ? text.sets.emptyHint : undefined}>
        ${filtered && html`<a class="btn" href=${`#${search.set ? addressOf(search.set) : '/library'}`}>${text.library.clear}</a>`}<//>` : html`
      <${List} rows=${rows} selecting=${choice.selecting} selected=${choice.selected} onToggle=${choice.toggle} onAll=${choice.all} onTrash=${search.trashed && mayEdit() ? load : null} setId=${search.set} onMove=${movable ? move : null} />
      ${loaded.next && html`<div class="row center"><button class="btn" onClick=${more}>${text.common.more}</button></div>`}`}
    ${choice.selecting && html`<${BatchBar} ids=${[...choice.selected]} titles=${new Map(rows.map((r) => [r.id, r.title]))} set=${set} onDone=${load} onGone=${choice.drop} onClear=${choice.stop} />`}
  </main>`
}
