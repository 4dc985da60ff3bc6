// Names of chords and keys as musicians write them, moved by semitones.
const NATURALS = /** @type {Record<string, number>} */ ({ C: 0, D: 2, E: 4, F: 5, G: 7, A: 9, B: 11 })
const SHARPS = ['C', 'C♯', 'D', 'D♯', 'E', 'F', 'F♯', 'G', 'G♯', 'A', 'A♯', 'B']
const FLATS = ['C', 'D♭', 'D', 'E♭', 'E', 'F', 'G♭', 'G', 'A♭', 'A', 'B♭', 'B']
/** Harte shorthand, and how it is written behind a root. */
const QUALITIES = /** @type {Record<string, string>} */ ({
  maj: '', min: 'm', 7: '7', maj7: 'maj7', min7: 'm7', dim: 'dim', dim7: 'dim7', hdim7: 'm7♭5', aug: '+', sus4: 'sus4', sus2: 'sus2', maj6: '6', min6: 'm6', minmaj7: 'm(maj7)', 9: '9', maj9: 'maj9', min9: 'm9', 5: '5', 1: '',
})
const DEGREES = /** @type {Record<string, number>} */ ({ 1: 0, b2: 1, 2: 2, b3: 3, 3: 4, 4: 5, b5: 6, 5: 7, '#5': 8, b6: 8, 6: 9, bb7: 9, b7: 10, 7: 11, 9: 2 })
const FLAT_KEYS = new Set([5, 10, 3, 8, 1])

/** @param {string} name such as `F#` or `Bb` @returns {number} */
export function pitchClass(name) {
  let pc = NATURALS[name[0]]
  for (const sign of name.slice(1)) pc += sign === '#' || sign === '♯' ? 1 : sign === 'b' || sign === '♭' ? -1 : 0
  return ((pc % 12) + 12) % 12
}

/** @param {number} pc @param {boolean} flats */
const noteName = (pc, flats) => (flats ? FLATS : SHARPS)[((pc % 12) + 12) % 12]

/** Whether a key is written with flats. @param {string | null} key such as `A minor` */
export function usesFlats(key, semitones = 0) {
  if (!key) return false
  const [tonic, mode] = key.split(' ')
  const major = pitchClass(tonic) + (mode === 'minor' ? 3 : 0) + semitones
  return FLAT_KEYS.has(((major % 12) + 12) % 12)
}

/** A Harte label for readers: `A:min7/b3` becomes `Am7/C`. @param {string} label @param {number} semitones @param {boolean} flats */
export function chordName(label, semitones = 0, flats = false) {
  if (label === 'N' || label === 'X') return 'N.C.'
  const match = /^([A-G][#b]*)(?::([^/]*))?(?:\/(.+))?$/.exec(label)
  if (!match) return label
  const root = pitchClass(match[1]) + semitones
  const quality = match[2] ?? 'maj'
  const bass = match[3] && match[3] in DEGREES ? `/${noteName(root + DEGREES[match[3]], flats)}` : ''
  return noteName(root, flats) + (QUALITIES[quality] ?? quality) + bass
}

/** What people write, as Harte label: `Am7/C` becomes `A:min7/b3`. Null for what is no chord. @param {string} written @returns {string | null} */
export function harteLabel(written) {
  const clean = written.trim().replaceAll('♯', '#').replaceAll('♭', 'b').replace('6/9', '69')
  if (/^(N\.?C\.?|N|-)$/i.test(clean)) return 'N'
  const match = /^([A-Ga-g])([#b]?)([^/]*)(?:\/([A-Ga-g][#b]?))?$/.exec(clean)
  if (!match) return null
  const quality = writtenQuality(match[3])
  if (quality === null) return null
  const root = match[1].toUpperCase() + match[2]
  if (!match[4]) return `${root}:${quality}`
  const steps = (pitchClass(match[4][0].toUpperCase() + match[4].slice(1)) - pitchClass(root) + 12) % 12
  const degree = Object.keys(DEGREES).find((d) => DEGREES[d] === steps)
  return steps === 0 || degree === undefined ? `${root}:${quality}` : `${root}:${quality}/${degree}`
}

/** @param {string} text @returns {string | null} */
function writtenQuality(text) {
  const known = /** @type {Record<string, string>} */ ({
    '': 'maj', M: 'maj', m: 'min', min: 'min', '-': 'min', '+': 'aug', aug: 'aug', dim: 'dim', '°': 'dim', o: 'dim', dim7: 'dim7', '°7': 'dim7', 7: '7', maj7: 'maj7', M7: 'maj7', 'Δ': 'maj7',
    m7: 'min7', min7: 'min7', '-7': 'min7', m7b5: 'hdim7', 'ø': 'hdim7', 'ø7': 'hdim7', sus4: 'sus4', sus: 'sus4', sus2: 'sus2', 6: 'maj6', m6: 'min6', 9: '9', maj9: 'maj9', M9: 'maj9', m9: 'min9', 'm(maj7)': 'minmaj7', mMaj7: 'minmaj7', mM7: 'minmaj7',
    maj: 'maj', ma7: 'maj7', mi: 'min', mi7: 'min7', m11: 'min9', m13: 'min9', maj13: 'maj9', 11: '11', 13: '13', 69: 'maj6', m69: 'min6', 5: '5', add9: 'maj', add2: 'maj', madd9: 'min',
    '7sus4': 'sus4', '9sus4': 'sus4', '13sus4': 'sus4', '7sus': 'sus4', '7b9': '7', '7#9': '7', '7#11': '7', '7b5': '7', '7b13': '7', '7alt': '7', alt: '7',
  })
  return known[text] ?? null
}

/** @param {string | null} key such as `A minor` @param {number} semitones */
export function keyName(key, semitones = 0) {
  if (!key) return '–'
  const [tonic, mode] = key.split(' ')
  return `${noteName(pitchClass(tonic) + semitones, usesFlats(key, semitones))} ${mode}`
}

/** Place of a chord's root on the circle of fifths, as a hue, so that harmony is seen as a pattern. @param {string} label */
export function chordHue(label) {
  const match = /^([A-G][#b]*)/.exec(label)
  return match ? ((pitchClass(match[1]) * 7) % 12) * 30 + 20 : 0
}

/** @param {string} label */
export const isMinor = (label) => /:(min|dim|hdim)/.test(label)
