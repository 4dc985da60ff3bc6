// Numbers as people read them.

/** @param {number} seconds @param {number} [digits] */
export function clock(seconds, digits = 0) {
  const unit = 10 ** digits
  const whole = Math.floor(seconds * unit + 1e-6)
  const h = Math.floor(whole / unit / 3600)
  const m = Math.floor(whole / unit / 60) % 60
  const s = (whole / unit) % 60
  const shown = (digits ? s.toFixed(digits) : String(Math.floor(s))).padStart(digits ? 3 + digits : 2, '0')
  return h ? `${h}:${String(m).padStart(2, '0')}:${shown}` : `${m}:${shown}`
}

/** @param {number} seconds */
export function rough(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`
  return `${(seconds / 3600).toFixed(1)} h`
}

/** @param {number} bytes */
export function size(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let k = 0
  while (bytes >= 1000 && k < units.length - 1) {
    bytes /= 1000
    k++
  }
  return `${bytes < 10 && k ? bytes.toFixed(1) : Math.round(bytes)} ${units[k]}`
}

/** @param {string} iso */
export function day(iso) {
  const date = new Date(iso)
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(date).setHours(0, 0, 0, 0)) / 86_400_000)
  if (days < 7) return new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: 'auto' }).format(-days, 'day')
  const year = date.getFullYear() === new Date().getFullYear() ? undefined : 'numeric'
  return date.toLocaleDateString(document.documentElement.lang, { day: 'numeric', month: 'short', year })
}

/** @param {number | null} bpm */
export function tempo(bpm) {
  return bpm === null ? '–' : String(Math.round(bpm))
}
