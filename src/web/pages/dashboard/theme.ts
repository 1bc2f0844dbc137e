// The theme: that of the system, or the viewer's choice.

export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "activity.theme";

export function theme(): Theme {
  try {
    const stored = localStorage.getItem(KEY);
    return THEMES.find((one) => one === stored) ?? "auto";
  } catch {
    return "auto";
  }
}

export function setTheme(to: Theme): void {
  try {
    localStorage.setItem(KEY, to);
  } catch {
    // Without storage the choice lasts until the page is closed.
  }
  show(to);
  dispatchEvent(new Event("theme"));
}

function show(to: Theme): void {
  document.documentElement.dataset.theme = to;
}

show(theme());
