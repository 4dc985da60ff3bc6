// Which set list the library shows, and what can be done with it.
import { html, useEffect, useState } from '../ui.js'
import { remove } from '../api.js'
import { Dialog, Menu, MenuItem } from '../kit/controls.js'
import { Icon } from '../kit/icon.js'
import { go } from '../router.js'
import { mayEdit } from '../session.js'
import { text } from '../text.js'
import { notify, notifyError } from '../toasts.js'
import { NameDialog, ShareDialog } from './dialogs.js'
import { addSet, addressOf, changeSet, loadSets, mayChange, sets } from './store.js'

/** @param {{chosen: import('./store.js').SetList | null}} props */
export function SetMenu({ chosen }) {
  const t = text.sets
  const [asking, setAsking] = useState(/** @type {'' | 'add' | 'rename' | 'share' | 'drop'} */ (''))
  useEffect(() => {
    loadSets().catch(notifyError)
  }, [])
  const close = () => setAsking('')
  const doing = async (/** @type {() => Promise<void>} */ what) => {
    close()
    try {
      await what()
    } catch (error) {
      notifyError(error)
    }
  }
  const add = (/** @type {string} */ name) => doing(async () => {
    go(addressOf((await addSet(name)).id))
  })
  const drop = (/** @type {import('./store.js').SetList} */ set) => doing(async () => {
    await remove(`/collections/${set.id}`)
    notify(t.dropped(set.name), 'good')
    await loadSets()
    go('/library')
  })
  const own = chosen && mayEdit() && chosen.access === 'own'
  if (!sets.value?.length && !mayEdit()) return null
  return html`<${Menu} label=${t.title} icon="list" side="left" caption=${html`<span>${t.title}</span>`}>
      ${chosen && html`<${MenuItem} icon="library" title=${t.whole} onClick=${() => go('/library')} />`}
      ${sets.value?.map((s) => html`<${MenuItem} key=${s.id} icon=${s.id === chosen?.id ? 'check' : 'list'} title=${s.name} hint=${t.hint(s.recordingIds.length, s.access === 'own')} onClick=${() => go(addressOf(s.id))} />`)}
      ${mayEdit() && html`<hr /><${MenuItem} icon="plus" title=${t.add} onClick=${() => setAsking('add')} />`}
      ${chosen && mayChange(chosen) && html`<${MenuItem} icon="pencil" title=${t.rename} onClick=${() => setAsking('rename')} />`}
      ${own && html`<${MenuItem} icon="users" title=${text.share.open} onClick=${() => setAsking('share')} /><${MenuItem} icon="trash-2" title=${t.drop} hint=${t.dropHint} onClick=${() => setAsking('drop')} />`}<//>
    ${asking === 'add' && html`<${NameDialog} title=${t.add} onClose=${close} onName=${add} />`}
    ${asking === 'rename' && chosen && html`<${NameDialog} title=${t.rename} name=${chosen.name} onClose=${close} onName=${(/** @type {string} */ name) => doing(() => changeSet(chosen.id, { name }))} />`}
    ${asking === 'share' && chosen && html`<${ShareDialog} at=${`/collections/${chosen.id}`} title=${chosen.name} ownerId=${chosen.ownerId} onClose=${close} />`}
    ${asking === 'drop' && chosen && html`<${Dialog} title=${t.confirmDrop(chosen.name)} onClose=${close}><p>${t.dropHint}</p>
      <footer><button class="btn" onClick=${close}>${text.common.cancel}</button><button class="btn danger" onClick=${() => drop(chosen)}><${Icon} name="trash-2" />${t.drop}</button></footer><//>`}`
}
