// Peaks as the BBC's audiowaveform writes them (.dat version 2, 8 bit): here two pairs a bin, minimum and maximum, and ± RMS.
const HEADER_BYTES = 24
const FEWEST_BINS = 1500

/** @typedef {{framesPerBin: number, values: Int8Array}} Level values: minimum, maximum, -RMS, +RMS of each bin */

/** All levels of detail, the finest first. @param {ArrayBuffer} buffer @returns {Level[]} */
export function readPeaks(buffer) {
  const header = new DataView(buffer)
  const bins = header.getUint32(16, true)
  /** @type {Level[]} */
  const levels = [{ framesPerBin: header.getInt32(12, true), values: new Int8Array(buffer, HEADER_BYTES, Math.min(bins * 4, buffer.byteLength - HEADER_BYTES)) }]
  while (levels[levels.length - 1].values.length > 4 * FEWEST_BINS) levels.push(coarser(levels[levels.length - 1]))
  return levels
}

/** Four bins become one. @param {Level} level @returns {Level} */
function coarser(level) {
  const s = level.values
  const bins = s.length >> 4
  const values = new Int8Array(bins * 4)
  for (let i = 0; i < bins; i++) {
    let low = 127
    let high = -128
    let power = 0
    for (let k = 0; k < 4; k++) {
      const j = 16 * i + 4 * k
      low = Math.min(low, s[j])
      high = Math.max(high, s[j + 1])
      power += s[j + 3] ** 2
    }
    const rms = Math.sqrt(power / 4)
    values.set([low, high, -rms, rms], 4 * i)
  }
  return { framesPerBin: level.framesPerBin * 4, values }
}
