import { html, useEffect, useRef, useState } from '../ui.js'
import { Select } from '../kit/controls.js'
import { Icon } from '../kit/icon.js'
import { keyName } from '../music.js'
import { libraryView } from '../preferences.js'
import { route } from '../router.js'
import { text } from '../text.js'
import { KEYS, SORTS, chips, readSearch, startsDescending, writeSearch } from './search.js'

const TYPING_MS = 200

/** @param {{search: import('./search.js').Search}} props */
export function SearchBox({ search }) {
  const [typed, setTyped] = useState(search.q)
  const input = useRef(/** @type {HTMLInputElement | null} */ (null))
  const written = useRef(search.q)
  useEffect(() => {
    if (search.q !== written.current) setTyped(search.q) // what this field wrote itself has been typed on since
    written.current = search.q
  }, [search.q])
  useEffect(() => {
    if (typed === search.q) return
    const timer = setTimeout(() => {
      written.current = typed
      writeSearch({ ...readSearch(route.value.query), q: typed })
    }, TYPING_MS)
    return () => clearTimeout(timer)
  }, [typed])
  useEffect(() => {
    const slash = (/** @type {KeyboardEvent} */ e) => {
      if (e.key !== '/' || /** @type {HTMLElement} */ (e.target).matches('input,textarea,select')) return
      e.preventDefault()
      input.current?.focus()
    }
    addEventListener('keydown', slash)
    return () => removeEventListener('keydown', slash)
  }, [])
  return html`<label class="search"><${Icon} name="search" /><input ref=${input} type="search" placeholder=${text.library.search} aria-label=${text.library.search} value=${typed}
    onInput=${(/** @type {any} */ e) => setTyped(e.target.value)} /><kbd>/</kbd></label>`
}

/** @param {{search: import('./search.js').Search}} props */
export function Filters({ search }) {
  const [open, setOpen] = useState(false)
  const set = (/** @type {Partial<import('./search.js').Search>} */ change) => writeSearch({ ...search, ...change })
  const set_ = chips(search)
  const sorts = [...(search.set ? [/** @type {[string, string]} */ (['position', text.sets.order])] : []), ...SORTS.map((s) => /** @type {[string, string]} */ ([s, text.library.columns[s]]))]
  return html`<div class="tools">
    <${SearchBox} search=${search} />
    <button class="btn" aria-expanded=${open} aria-controls="filters" onClick=${() => setOpen(!open)}><${Icon} name="sliders-horizontal" />${text.library.filters}</button>
    <label class="sort"><span>${text.library.sort}</span><${Select} label=${text.library.sort} value=${search.sort} options=${sorts} onChange=${(/** @type {string} */ sort) => set({ sort, descending: startsDescending(sort) })} />
      <button class="icon-button" aria-label=${search.descending ? text.library.ascending : text.library.descending} title=${search.descending ? text.library.ascending : text.library.descending} onClick=${() => set({ descending: !search.descending })}><${Icon} name=${search.descending ? 'arrow-down' : 'arrow-up'} /></button></label>
    <div class="segmented" role="group" aria-label=${text.library.view}>
      <button aria-pressed=${libraryView.value === 'table'} aria-label=${text.library.table} onClick=${() => (libraryView.value = 'table')}><${Icon} name="list" /></button>
      <button aria-pressed=${libraryView.value === 'cards'} aria-label=${text.library.cards} onClick=${() => (libraryView.value = 'cards')}><${Icon} name="layout-grid" /></button></div>
    ${set_.map((chip) => html`<button class="chip removable" key=${chip.name} aria-label=${text.filters.drop(chip.name)} onClick=${() => set(chip.without)}>${chip.name}<${Icon} name="x" /></button>`)}
    ${open && html`<${FilterForm} search=${search} set=${set} />`}
  </div>`
}

/** @param {{search: import('./search.js').Search, set: (change: Partial<import('./search.js').Search>) => void}} props */
function FilterForm({ search, set }) {
  const any = /** @type {[string, string]} */ (['', text.filters.any])
  const states = /** @type {[string, string][]} */ (Object.entries(text.library.status))
  const number = (/** @type {'tempoFrom' | 'tempoTo'} */ name, /** @type {string} */ label) => html`<input type="number" min="20" max="400" placeholder=${label} aria-label=${`${text.filters.tempo} ${label}`}
    value=${search[name]} onChange=${(/** @type {any} */ e) => set({ [name]: e.target.value })} />`
  return html`<div class="filter-form" id="filters" role="group" aria-label=${text.library.filters}>
    <label><span>${text.filters.status}</span><${Select} label=${text.filters.status} value=${search.status} options=${[any, ...states]} onChange=${(/** @type {string} */ status) => set({ status })} /></label>
    <label><span>${text.filters.key}</span><${Select} label=${text.filters.key} value=${search.key} options=${[any, ...KEYS.map((k) => [k, keyName(k)])]} onChange=${(/** @type {string} */ key) => set({ key })} /></label>
    <label class="check"><input type="checkbox" disabled=${!search.key} checked=${search.compatible} onChange=${(/** @type {any} */ e) => set({ compatible: e.target.checked })} />${text.filters.compatible}</label>
    <div class="field"><span>${text.filters.tempo}</span><div class="pair">${number('tempoFrom', text.filters.from)}${number('tempoTo', text.filters.to)}</div></div>
    <label><span>${text.filters.meter}</span><${Select} label=${text.filters.meter} value=${search.meter} options=${[any, ...['2/4', '3/4', '4/4', '5/4', '6/8', '7/4', '7/8', '9/8', '12/8'].map((m) => [m, m])]} onChange=${(/** @type {string} */ meter) => set({ meter })} /></label>
    <label><span>${text.filters.tag}</span><input type="text" value=${search.tag} onChange=${(/** @type {any} */ e) => set({ tag: e.target.value.trim() })} /></label>
  </div>`
}
