import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

/**
 * A button that opens a menu of links. A click elsewhere and Escape close it, and do nothing else.
 *
 * Whether it is open is known to the element alone, and the listeners are there as long as it is: listeners that an effect adds
 * after the menu has opened miss a click that comes at once.
 */
export function Menu({ label, children }: { label: string; children: ComponentChildren }) {
  const element = useRef<HTMLDetailsElement>(null);
  useLayoutEffect(() => {
    const clicked = (event: MouseEvent) => {
      const menu = element.current;
      const target = event.target instanceof Element ? event.target : null;
      if (!menu?.open) {
        return;
      }
      if (!menu.contains(target)) {
        event.preventDefault();
        event.stopPropagation();
        menu.open = false;
      } else if (target?.closest("a")) {
        menu.open = false;
      }
    };
    const pressed = (event: KeyboardEvent) => {
      const menu = element.current;
      if (menu?.open && event.key === "Escape") {
        event.stopPropagation();
        menu.open = false;
        menu.querySelector("summary")?.focus();
      }
    };
    document.addEventListener("click", clicked, { capture: true });
    document.addEventListener("keydown", pressed, { capture: true });
    return () => {
      document.removeEventListener("click", clicked, { capture: true });
      document.removeEventListener("keydown", pressed, { capture: true });
    };
  }, []);
  return (
    <details class="menu" ref={element}>
      <summary class="button">{label}</summary>
      <div class="menu-list">{children}</div>
    </details>
  );
}
