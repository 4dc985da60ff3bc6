// Small controls that all pages share.
import { html, useEffect, useRef, useState } from '../ui.js'
import { text } from '../text.js'
import { Icon } from './icon.js'

/** @param {{label: string, value: number, min: number, max: number, step: number, said?: string, onInput: (value: number) => void, onReset?: () => void, kind?: string, disabled?: boolean}} props */
export function Slider({ label, value, min, max, step, said, onInput, onReset, kind = '', disabled = false }) {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null))
  useEffect(() => {
    input.current?.style.setProperty('--share', `${((value - min) / (max - min)) * 100}%`)
  }, [value, min, max])
  return html`<input ref=${input} type="range" class=${`slider ${kind}`} aria-label=${label} aria-valuetext=${said} min=${min} max=${max} step=${step} value=${value}
    disabled=${disabled} onInput=${(/** @type {any} */ e) => onInput(Number(e.target.value))} onDblClick=${onReset} />`
}

/** @param {{label: string, share: number}} props */
export function Progress({ label, share }) {
  const bar = useRef(/** @type {HTMLElement | null} */ (null))
  useEffect(() => {
    bar.current?.style.setProperty('transform', `scaleX(${share})`)
  }, [share])
  return html`<div class="progress" role="progressbar" aria-label=${label} aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(share * 100)}><i ref=${bar}></i></div>`
}

/** A button that opens a menu of buttons. @param {{label: string, icon: string, kind?: string, children: any, side?: 'left' | 'right', caption?: any}} props */
export function Menu({ label, icon, kind = 'btn', children, side = 'right', caption }) {
  const [open, setOpen] = useState(false)
  const root = useRef(/** @type {HTMLElement | null} */ (null))
  useEffect(() => {
    if (!open) return
    const away = (/** @type {Event} */ e) => {
      if (!root.current?.contains(/** @type {Node} */ (e.target))) setOpen(false)
    }
    addEventListener('pointerdown', away)
    root.current?.querySelector(/** @type {'button'} */ ('[role=menuitem]:not([disabled])'))?.focus()
    return () => removeEventListener('pointerdown', away)
  }, [open])
  const keys = (/** @type {KeyboardEvent} */ e) => {
    if (!open) return
    const items = [...(root.current?.querySelectorAll(/** @type {'button'} */ ('[role=menuitem]:not([disabled])')) ?? [])]
    const at = items.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement))
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[e.key]
    if (to !== undefined) items[(to + items.length) % items.length]?.focus()
    else if (e.key === 'Escape') {
      setOpen(false)
      root.current?.querySelector('button')?.focus()
    } else if (e.key === 'Tab') {
      setOpen(false)
      return
    } else return
    e.preventDefault()
    e.stopPropagation()
  }
  const chosen = () => {
    root.current?.querySelector('button')?.focus() // before a dialog opens, which gives the focus back to where it was
    setOpen(false)
  }
  return html`<div class="menu" ref=${root} onKeyDown=${keys}>
    <button class=${kind} aria-haspopup="menu" aria-expanded=${open} aria-label=${caption ? undefined : label} title=${label} onClick=${() => setOpen(!open)}>
      ${icon && html`<${Icon} name=${icon} />`}${caption}${caption && html`<${Icon} name="chevron-down" />`}</button>
    ${open && html`<div class=${`popup ${side}`} role="menu" aria-label=${label} onClick=${chosen}>${children}</div>`}
  </div>`
}

/** @param {{icon: string, title: string, hint?: string, onClick: () => void, disabled?: boolean}} props */
export function MenuItem({ icon, title, hint, onClick, disabled }) {
  return html`<button role="menuitem" disabled=${disabled} onClick=${onClick}><${Icon} name=${icon} /><span><b>${title}</b>${hint && html`<small>${hint}</small>`}</span></button>`
}

/** A modal dialog. @param {{title: string, onClose: () => void, children: any, wide?: boolean}} props */
export function Dialog({ title, onClose, children, wide = false }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null))
  useEffect(() => {
    const before = /** @type {HTMLElement | null} */ (document.activeElement)
    dialog.current?.showModal()
    return () => before?.focus?.()
  }, [])
  return html`<dialog ref=${dialog} class=${wide ? 'wide' : ''} aria-label=${title} onClose=${onClose} onCancel=${onClose}>
    <header><h2>${title}</h2><button class="icon-button" aria-label=${text.common.close} onClick=${onClose}><${Icon} name="x" /></button></header>${children}</dialog>`
}

/** @param {{icon: string, title: string, hint?: string, children?: any}} props */
export function Empty({ icon, title, hint, children }) {
  return html`<div class="empty"><span class="badge"><${Icon} name=${icon} /></span><h2>${title}</h2>${hint && html`<p>${hint}</p>`}${children && html`<div class="row">${children}</div>`}</div>`
}

/** @param {{error: Error, retry: () => void}} props */
export function Failure({ error, retry }) {
  return html`<div class="empty" role="alert"><span class="badge bad"><${Icon} name="circle-alert" /></span><h2>${text.errors.page}</h2><p>${error.message}</p>
    <div class="row"><button class="btn" onClick=${retry}><${Icon} name="rotate-cw" />${text.common.retry}</button></div></div>`
}

export function Loading() {
  return html`<div class="loading" role="status"><${Icon} name="loader-circle" /><span>${text.common.loading}</span></div>`
}

/** @param {{value: string, label: string, options: [string, string][], onChange: (value: string) => void, id?: string}} props */
export function Select({ value, label, options, onChange, id }) {
  return html`<select id=${id} aria-label=${label} value=${value} onChange=${(/** @type {any} */ e) => onChange(e.target.value)}>
    ${options.map(([v, shown]) => html`<option key=${v} value=${v} selected=${v === value}>${shown}</option>`)}</select>`
}
