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
import { addSet, addressOf, isMine, loadSets, mayChange, renameSet, sets } from './store.js'

/** inside: the library shows one, which may be gone. @param {{chosen: import('./store.js').SetList | null, inside: boolean}} props */
export function SetMenu({ chosen, inside }) {
  const t = text.sets
  const [asking, setAsking] = useState(/** @type {'' | 'add' | 'rename' | 'share' | 'drop'} */ (''))
  useEffect(() => {
    loadSets().catch(notifyError)
  }, [])
  const close = () => setAsking('')
  const add = async (/** @type {string} */ name) => {
    const made = await addSet(name)
    close()
    go(addressOf(made.id))
  }
  const rename = async (/** @type {string} */ id, /** @type {string} */ name) => {
    await renameSet(id, name)
    close()
  }
  const drop = async (/** @type {import('./store.js').SetList} */ set) => {
    close()
    try {
      await remove(`/collections/${set.id}`)
      notify(t.dropped(set.name), 'good')
      go('/library')
      await loadSets()
    } catch (error) {
      notifyError(error)
    }
  }
  const whose = (/** @type {import('./store.js').SetList} */ s) => (isMine(s) ? '' : s.access === 'own' ? t.others : t.shared)
  const own = chosen && mayEdit() && chosen.access === 'own'
  if (!sets.value?.length && !mayEdit()) return null
  return html`<${Menu} label=${t.title} icon="list" side="left" caption=${html`<span>${t.title}</span>`}>
      ${inside && html`<${MenuItem} icon="library" title=${t.whole} onClick=${() => go('/library')} />`}
      ${sets.value?.map((s) => html`<${MenuItem} key=${s.id} icon=${s.id === chosen?.id ? 'check' : 'list'} title=${s.name} hint=${t.hint(s.recordingIds.length) + whose(s)} onClick=${() => go(addressOf(s.id))} />`)}
      ${mayEdit() && html`<hr /><${MenuItem} icon="plus" title=${t.add} onClick=${() => setAsking('add')} />`}
      ${chosen && mayChange(chosen) && html`<${MenuItem} icon="pencil" title=${t.rename} onClick=${() => setAsking('rename')} />`}
      ${own && html`<${MenuItem} icon="users" title=${text.share.open} onClick=${() => setAsking('share')} /><${MenuItem} icon="trash-2" title=${t.drop} hint=${t.dropHint} onClick=${() => setAsking('drop')} />`}<//>
    ${asking === 'add' && html`<${NameDialog} title=${t.add} onClose=${close} onName=${add} />`}
    ${asking === 'rename' && chosen && html`<${NameDialog} title=${t.rename} name=${chosen.name} onClose=${close} onName=${(/** @type {string} */ name) => rename(chosen.id, name)} />`}
    ${asking === 'share' && chosen && html`<${ShareDialog} at=${`/collections/${chosen.id}`} title=${chosen.name} hint=${text.share.ofSet} ownerId=${chosen.ownerId} onClose=${close} />`}
    ${asking === 'drop' && chosen && html`<${Dialog} title=${t.confirmDrop(chosen.name)} onClose=${close}><p>${t.dropHint}</p>
      <footer><button class="btn" onClick=${close}>${text.common.cancel}</button><button class="btn danger" onClick=${() => drop(chosen)}><${Icon} name="trash-2" />${t.drop}</button></footer><//>`}`
}
