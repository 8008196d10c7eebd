// Where the focus goes when something closes.
import { useLayoutEffect, useState } from 'react'

/** To what had it when `panel` was opened, unless somebody has put it elsewhere meanwhile. */
export function useReturnedFocus(panel) {
  // During the first drawing, before a field in the panel takes it.
  const [opener] = useState(() => document.activeElement)
  useLayoutEffect(() => {
    const drawn = panel.current
    return () => {
      if (!drawn.contains(document.activeElement) && !isNowhere()) return
      opener?.focus()
      if (isNowhere() || drawn.contains(document.activeElement)) focusComposer()
    }
  }, [])
}

/** Whether the focus is lost. */
export const isNowhere = () => [document.body, null].includes(document.activeElement)

/** To the box to type in; not with a finger, for which this would bring up the keyboard. */
export function focusComposer() {
  if (matchMedia('(pointer: fine)').matches) document.querySelector('main textarea')?.focus()
}
