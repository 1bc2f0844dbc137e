import type { Page } from "../data/route";

type Keys = readonly (readonly [key: string, what: string])[];

const EVERYWHERE: Keys = [
  ["?", "this help"],
  ["/", "go to the filter"],
  ["Escape", "close, or go back to the list"],
];
const LISTS: Keys = [
  ["j, k", "select the next or previous row"],
  ["Enter", "open the selected row"],
  ["p", "pause or resume live updates"],
];
const CHARTS: Keys = [
  ["← →", "go to a bar"],
  ["Shift + ← →", "select a range"],
  ["Enter", "list the activities of the bar, or zoom into the range"],
];
const TREE: Keys = [
  ["↑ ↓, j, k", "select a step"],
  ["← →", "fold or unfold"],
  ["z", "zoom to the step"],
];
const PLAYER: Keys = [
  ["Space", "play or pause"],
  ["← →", "5 s back or forward"],
  ["Shift + ← →", "30 s"],
  [", .", "slower or faster"],
  ["m, Shift + m", "next or previous mark"],
  ["Home, End", "start or end"],
  ["f", "full screen"],
];

const PAGES: Record<Page, readonly (readonly [title: string, keys: Keys])[]> = {
  overview: [["Chart", CHARTS]],
  timeline: [
    ["List", LISTS],
    ["Chart", CHARTS],
  ],
  errors: [],
  mcp: [],
  activity: [["Tree", TREE]],
  replay: [["Player", PLAYER]],
  events: [["List", LISTS.slice(2)]],
  health: [],
};

const ID = "help";

/** Shows the keyboard shortcuts. */
export function openHelp(): void {
  const dialog = document.getElementById(ID);
  if (dialog instanceof HTMLDialogElement && !dialog.open) {
    dialog.showModal();
  }
}

/** The keyboard shortcuts of a page, until they are opened out of sight. */
export function Help({ page }: { page: Page }) {
  const close = (event: Event) => {
    const dialog = event.currentTarget;
    // A click on the dialog itself is one beside its content.
    if (dialog instanceof HTMLDialogElement && event.target === dialog) {
      dialog.close();
    }
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog
    <dialog id={ID} class="help" aria-labelledby="help-title" onClick={close}>
      <form method="dialog" class="help-content">
        <div class="aside-head">
          <h2 id="help-title">Keyboard shortcuts</h2>
          <div class="spacer" />
          <button type="submit" class="icon-button" aria-label="Close">
            ×
          </button>
        </div>
        {[["Everywhere", EVERYWHERE] as const, ...PAGES[page]].map(([title, keys]) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {keys.map(([key, what]) => (
                <div key={key}>
                  <dt>
                    <kbd>{key}</kbd>
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </form>
    </dialog>
  );
}
