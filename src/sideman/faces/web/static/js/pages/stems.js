import { html, useEffect, useRef, useState } from '../ui.js'
import { get, query } from '../api.js'
import { clock, size, tempo } from '../format.js'
import { Empty, Failure, Loading, Select } from '../kit/controls.js'
import { Icon } from '../kit/icon.js'
import { colorStyle, iconOf, nameOf } from '../kit/roles.js'
import { KEYS } from '../library/search.js'
import { keyName } from '../music.js'
import { replace, route } from '../router.js'
import { text } from '../text.js'
import { notifyError } from '../toasts.js'

const PAGE = 100
/** @typedef {{id: string, recordingId: string, role: string, name: string, origin: string, tempoBpm: number | null, key: {name: string} | null, durationS: number, score: number | null, verdict: string | null, audioUrl: string}} Stem */
/** @typedef {{role: string, key: string, compatible: boolean, origin: string, tempoFrom: string, tempoTo: string}} Filter */

/** @type {Map<string, string>} */
const titles = new Map()

/** @param {Stem[]} stems */
async function nameRecordings(stems) {
  const ids = [...new Set(stems.map((s) => s.recordingId))].filter((id) => !titles.has(id))
  await Promise.all(ids.map(async (id) => titles.set(id, (await get(`/recordings/${id}`)).title)))
}

/** @param {URLSearchParams} q @returns {Filter} */
const read = (q) => ({ role: q.get('role') ?? '', key: q.get('key') ?? '', compatible: q.get('compatible') === 'true', origin: q.get('origin') ?? '', tempoFrom: q.get('tempoFrom') ?? '', tempoTo: q.get('tempoTo') ?? '' })

/** One sound at a time. */
function useAudition() {
  const [playing, setPlaying] = useState('')
  const audio = useRef(/** @type {HTMLAudioElement | null} */ (null))
  useEffect(() => {
    const made = new Audio()
    made.onended = () => setPlaying('')
    audio.current = made
    return () => {
      made.pause()
      made.removeAttribute('src')
    }
  }, [])
  const toggle = async (/** @type {Stem} */ stem) => {
    const player = /** @type {HTMLAudioElement} */ (audio.current)
    if (playing === stem.id) {
      player.pause()
      setPlaying('')
      return
    }
    const play = (/** @type {string} */ url) => {
      player.src = url
      return player.play()
    }
    setPlaying(stem.id)
    try {
      const mine = stem.audioUrl
      await play(mine).catch(async (error) => {
        if (error.name === 'AbortError') throw error
        const renewed = await get(`/stems/${stem.id}`) // the page was open for longer than its links hold
        if (player.src.endsWith(mine)) await play(renewed.audioUrl)
      })
    } catch (error) {
      if (/** @type {Error} */ (error).name === 'AbortError') return // another one was chosen meanwhile
      setPlaying('')
      notifyError(error)
    }
  }
  return { playing, toggle }
}

export function StemsPage() {
  const filter = read(route.value.query)
  const asked = query({ ...filter, compatible: filter.compatible && Boolean(filter.key), limit: PAGE })
  const [list, setList] = useState(/** @type {Stem[] | null} */ (null))
  const [next, setNext] = useState(/** @type {string | null} */ (null))
  const [counts, setCounts] = useState(/** @type {any} */ (null))
  const [error, setError] = useState(/** @type {Error | null} */ (null))
  const { playing, toggle } = useAudition()
  const turn = useRef(0)
  const load = async (/** @type {string | null} */ cursor = null) => {
    const mine = ++turn.current
    try {
      const page = await get(`/stems${asked}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`)
      await nameRecordings(page.items)
      if (turn.current !== mine) return
      setList((before) => (cursor ? [...(before ?? []), ...page.items] : page.items))
      setNext(page.nextCursor)
      setError(null)
    } catch (reason) {
      if (turn.current === mine) setError(/** @type {Error} */ (reason))
    }
  }
  useEffect(() => {
    load()
    get('/stems/counts').then(setCounts, notifyError)
  }, [asked])
  const set = (/** @type {Partial<Filter>} */ change) => replace(`/stems${query({ ...filter, ...change })}`)
  const c = text.stems.columns
  return html`<main id="main" class="page" tabindex="-1"><header class="head"><h1>${text.stems.title}</h1>${counts && html`<small class="num">${text.stems.total(counts.total, size(counts.sizeBytes))}</small>`}</header>
    <${StemFilters} filter=${filter} set=${set} counts=${counts} />
    ${error ? html`<${Failure} error=${error} retry=${() => load()} />` : !list ? html`<${Loading} />` : !list.length ? html`<${Empty} icon="layers" title=${counts?.total ? text.stems.nothing : text.stems.none} />` : html`
    <div class="table-wrap"><table class="stems"><thead><tr><th>${c.stem}</th><th>${c.recording}</th><th class="wide-only">${c.origin}</th><th>${c.tempo}</th><th>${c.key}</th><th class="wide-only">${c.length}</th><th class="wide-only">${c.fit}</th></tr></thead><tbody>${list.map((s) => html`
      <tr key=${s.id} style=${colorStyle(s.role)}><td><div class="what"><button class="round" aria-pressed=${playing === s.id} aria-label=${playing === s.id ? text.stems.pause(s.name) : text.stems.play(s.name)} onClick=${() => toggle(s)}><${Icon} name=${playing === s.id ? 'pause' : 'play'} /></button><span class="role"><${Icon} name=${iconOf(s.role)} /></span><div><b>${nameOf(s.role)}</b>${s.name !== s.role && html`<div class="by">${s.name}</div>`}</div></div></td>
        <td><a href=${`#/recording/${s.recordingId}`}>${titles.get(s.recordingId)}</a></td><td class="wide-only">${text.stems.origins[s.origin]}</td><td class="num">${tempo(s.tempoBpm)}</td><td>${keyName(s.key?.name ?? null)}</td><td class="num wide-only">${clock(s.durationS)}</td><td class="num wide-only">${s.score === null ? '' : html`<span class=${`verdict ${s.verdict}`}>${Math.round(s.score * 100)} %</span>`}</td></tr>`)}</tbody></table></div>
    ${next && html`<div class="row center"><button class="btn" onClick=${() => load(next)}>${text.common.more}</button></div>`}`}</main>`
}

/** @param {{filter: Filter, set: (change: Partial<Filter>) => void, counts: any}} props */
function StemFilters({ filter, set, counts }) {
  const t = text.stems
  const roles = /** @type {[string, string][]} */ (Object.entries(counts?.byRole ?? {}).map(([role, n]) => [role, `${nameOf(role)} (${n})`]))
  const number = (/** @type {'tempoFrom' | 'tempoTo'} */ name, /** @type {string} */ label) => html`<input type="number" min="20" max="400" placeholder=${`${label} ${text.filters.bpm}`} aria-label=${`${text.filters.tempo} ${label}`} value=${filter[name]} onChange=${(/** @type {any} */ e) => set({ [name]: e.target.value })} />`
  return html`<div class="tools"><${Select} label=${t.search} value=${filter.role} options=${[['', t.all], ...roles]} onChange=${(/** @type {string} */ role) => set({ role })} />
    <${Select} label=${t.origin} value=${filter.origin} options=${[['', t.anyOrigin], ...Object.entries(t.origins)]} onChange=${(/** @type {string} */ origin) => set({ origin })} />
    <${Select} label=${t.key} value=${filter.key} options=${[['', `${t.key}: ${text.filters.any}`], ...KEYS.map((k) => [k, keyName(k)])]} onChange=${(/** @type {string} */ key) => set({ key })} />
    <label class="check"><input type="checkbox" disabled=${!filter.key} checked=${filter.compatible} onChange=${(/** @type {any} */ e) => set({ compatible: e.target.checked })} />${t.compatible}</label>
    <div class="pair narrow">${number('tempoFrom', text.filters.from)}${number('tempoTo', text.filters.to)}</div></div>`
}
