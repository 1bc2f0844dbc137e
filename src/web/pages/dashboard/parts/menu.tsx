import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

/** A button that opens a menu of links. A click elsewhere and Escape close it, and do nothing else. */
export function Menu({ label, children }: { label: string; children: ComponentChildren }) {
  const menu = useRef<HTMLDetailsElement>(null);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    if (!open) {
      return;
    }
    const clicked = (event: MouseEvent) => {
      const target = event.target instanceof Element ? event.target : null;
      if (!menu.current?.contains(target)) {
        event.preventDefault();
        event.stopPropagation();
        setOpen(false);
      } else if (target?.closest("a")) {
        setOpen(false);
      }
    };
    const pressed = (event: KeyboardEvent) => {
      if (event.key === "Escape") {
        event.stopPropagation();
        setOpen(false);
        menu.current?.querySelector("summary")?.focus();
      }
    };
    document.addEventListener("click", clicked, { capture: true });
    document.addEventListener("keydown", pressed, { capture: true });
    return () => {
      document.removeEventListener("click", clicked, { capture: true });
      document.removeEventListener("keydown", pressed, { capture: true });
    };
  }, [open]);
  return (
    <details class="menu" ref={menu} open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary class="button">{label}</summary>
      <div class="menu-list">{children}</div>
    </details>
  );
}
