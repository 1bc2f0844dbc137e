// The theme: the system's, or what the viewer chose here.

export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "activity.theme";

export function theme(): Theme {
  try {
    const kept = localStorage.getItem(KEY);
    return THEMES.find((one) => one === kept) ?? "auto";
  } catch {
    return "auto";
  }
}

export function setTheme(to: Theme): void {
  try {
    localStorage.setItem(KEY, to);
  } catch {
    // Where nothing may be kept it lasts as long as the page.
  }
  show(to);
  dispatchEvent(new Event("theme"));
}

function show(to: Theme): void {
  document.documentElement.dataset.theme = to;
}

show(theme());
