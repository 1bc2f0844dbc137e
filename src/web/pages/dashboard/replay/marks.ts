// What a recorded browser tells by itself: pages, clicks, input and console messages. Recordings may be forged: every field is
// checked, and the results are texts.

import type { Mark } from "./messages";

/** rrweb's types of events, and sources of incremental ones. */
const FULL_SNAPSHOT = 2;
const INCREMENTAL = 3;
const META = 4;
const CUSTOM = 5;
const PLUGIN = 6;
const MUTATION = 0;
const INTERACTION = 2;
const INPUT = 5;
/** Interactions that count as clicks. */
const CLICKS: Readonly<Record<number, string>> = { 2: "Click", 4: "Double click", 9: "Tap" };
const CONSOLE = "rrweb/console@1";

const MAX_TEXT = 120;
const MAX_LABEL = 60;
/** Nodes to visit for the text of an element. */
const MAX_NODES = 40;
/** Attributes that name an element, best first. */
const NAMES = ["aria-label", "title", "alt", "placeholder", "name", "id"] as const;
const CONTROLS = new Set(["a", "button", "summary", "label", "select", "input", "textarea", "option"]);

type Part = Record<string, unknown>;

interface Node {
  tag: string | null;
  text: string;
  attributes: Part;
  parent: number | null;
  children: number[];
}

/** Reads the events of one tab in order. */
export class MarkReader {
  readonly #nodes = new Map<number, Node>();
  /** The last input element: what is typed into it is one mark. */
  #typing: number | null = null;

  read(event: unknown): Mark[] {
    const { type, data, timestamp } = part(event);
    if (typeof timestamp !== "number") {
      return [];
    }
    const found = this.#text(type, part(data));
    return found === null
      ? []
      : [{ at: timestamp, failed: false, ...found, text: clipped(found.text, MAX_TEXT) }];
  }

  #text(type: unknown, data: Part): (Pick<Mark, "kind" | "text"> & { failed?: boolean }) | null {
    switch (type) {
      case META:
        return typeof data.href === "string" ? { kind: "navigation", text: data.href } : null;
      case FULL_SNAPSHOT:
        this.#nodes.clear();
        this.#typing = null;
        this.#put(data.node, null);
        return null;
      case CUSTOM:
        return typeof data.tag === "string" ? { kind: "marker", text: data.tag } : null;
      case PLUGIN:
        return data.plugin === CONSOLE ? logged(part(data.payload)) : null;
      case INCREMENTAL:
        return this.#incremental(data);
      default:
        return null;
    }
  }

  #incremental(data: Part): Pick<Mark, "kind" | "text"> | null {
    const id = typeof data.id === "number" ? data.id : -1;
    if (data.source === MUTATION) {
      for (const added of list(data.adds)) {
        const { node, parentId } = part(added);
        this.#put(node, typeof parentId === "number" ? parentId : null);
      }
      for (const changed of list(data.texts)) {
        const { id: of, value } = part(changed);
        const node = this.#nodes.get(Number(of));
        if (node !== undefined && typeof value === "string") {
          node.text = value;
        }
      }
      return null;
    }
    if (data.source === INTERACTION) {
      const click = CLICKS[Number(data.type)];
      if (click === undefined) {
        return null;
      }
      this.#typing = null;
      return { kind: "click", text: `${click} on ${this.#label(id)}` };
    }
    if (data.source === INPUT && this.#typing !== id) {
      this.#typing = id;
      // A checkbox has no text.
      const isToggled = this.#nodes.get(id)?.attributes.type === "checkbox";
      const verb = !isToggled ? "Input into" : data.isChecked === true ? "Check" : "Uncheck";
      return { kind: "input", text: `${verb} ${this.#label(id)}` };
    }
    return null;
  }

  /** Adds a node and all below it. */
  #put(given: unknown, parent: number | null): void {
    const left: [unknown, number | null][] = [[given, parent]];
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const [value, above] = next;
      const { id, tagName, textContent, attributes, childNodes } = part(value);
      if (typeof id !== "number") {
        continue;
      }
      this.#nodes.set(id, {
        tag: typeof tagName === "string" ? tagName.toLowerCase() : null,
        text: typeof textContent === "string" ? textContent : "",
        attributes: part(attributes),
        parent: above,
        children: [],
      });
      if (above !== null) {
        this.#nodes.get(above)?.children.push(id);
      }
      // In reverse, because the last one is taken first.
      for (const child of list(childNodes).toReversed()) {
        left.push([child, id]);
      }
    }
  }

  /** Describes an element by the control around it: `button “Pay now”`. */
  #label(id: number): string {
    const control = this.#control(id);
    const node = this.#nodes.get(control);
    if (node === undefined) {
      return "an element";
    }
    const tag = node.tag ?? "text";
    const named = NAMES.map((name) => node.attributes[name]).find(
      (one) => typeof one === "string" && one !== "",
    );
    const text = clipped(this.#content(control).trim() || String(named ?? ""), MAX_LABEL);
    return text === "" ? tag : `${tag} “${text}”`;
  }

  #control(id: number): number {
    const seen = new Set<number>();
    for (let at: number | null = id; at !== null && !seen.has(at); at = this.#nodes.get(at)?.parent ?? null) {
      seen.add(at);
      if (CONTROLS.has(this.#nodes.get(at)?.tag ?? "")) {
        return at;
      }
    }
    return id;
  }

  /** Returns the first texts in an element. */
  #content(id: number): string {
    const texts: string[] = [];
    const left = [id];
    for (let n = 0, at = left.pop(); at !== undefined && n < MAX_NODES; n += 1, at = left.pop()) {
      const node = this.#nodes.get(at);
      if (node !== undefined && node.tag !== "style" && node.tag !== "script") {
        texts.push(node.text);
        for (const child of node.children.slice(0, MAX_NODES).reverse()) {
          left.push(child);
        }
      }
    }
    return texts.join(" ");
  }
}

/** A message that rrweb's console plugin recorded. */
function logged(data: Part): (Pick<Mark, "kind" | "text"> & { failed: boolean }) | null {
  const { level, payload } = data;
  if (typeof level !== "string" || !Array.isArray(payload)) {
    return null;
  }
  const failed = level === "error" || level === "assert";
  const kind = failed ? "error" : level === "warn" ? "warning" : "console";
  // Its arguments are JSON.
  const words = payload.map((one) => (typeof one === "string" ? one.replace(/^"(.*)"$/s, "$1") : ""));
  return { kind, text: `${level}: ${words.join(" ")}`, failed };
}

function part(value: unknown): Part {
  return typeof value === "object" && value !== null ? (value as Part) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function clipped(text: string, most: number): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > most ? `${line.slice(0, most)}…` : line;
}
