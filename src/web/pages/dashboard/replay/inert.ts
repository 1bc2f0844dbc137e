// Removes from recorded events all that could make the viewer's browser open a connection. The policy of the document blocks
// requests, but not all connections: a browser connects for a blocked frame, and resolves the names of links.

/** Attributes with URLs, in HTML and SVG, without a namespace prefix. `http-equiv` can refresh, `srcdoc` holds a document. */
const ADDRESSES = new Set([
  "action",
  "archive",
  "attributionsrc",
  "background",
  "cite",
  "classid",
  "code",
  "codebase",
  "data",
  "dynsrc",
  "formaction",
  "href",
  "http-equiv",
  "icon",
  "imagesrcset",
  "itemid",
  "itemtype",
  "longdesc",
  "lowsrc",
  "manifest",
  "ping",
  "poster",
  "profile",
  "rr_dataurl",
  "rr_src",
  "src",
  "srcdoc",
  "srcset",
  "usemap",
]);
/** Elements that load or run something, or change what addresses refer to. */
const ACTIVE = new Set([
  "applet",
  "base",
  "embed",
  "fencedframe",
  "frame",
  "frameset",
  "object",
  "portal",
  "script",
]);
/** Values without a connection: data, and a place in the same document. */
const LOCAL = /^\s*(data:|blob:|#)/i;

/** A part of an event. Its shape is unknown: recordings may be forged. */
type Part = Record<string, unknown>;

/** Changes an event in place, wherever it has elements or attributes, and returns it. */
export function inert<T>(event: T): T {
  // Without recursion: pages are nested deeply.
  const parts: unknown[] = [event];
  while (parts.length > 0) {
    const part = parts.pop();
    if (typeof part !== "object" || part === null) {
      continue;
    }
    const object = part as Part;
    if (typeof object.tagName === "string" && ACTIVE.has(localName(object.tagName))) {
      object.tagName = "noscript";
    }
    if (isObject(object.attributes)) {
      silence(object.attributes);
    }
    for (const inner of Object.values(object)) {
      parts.push(inner);
    }
  }
  return event;
}

/** Removes the attributes of an element that have addresses. */
function silence(attributes: Part): void {
  for (const [name, value] of Object.entries(attributes)) {
    const isAddress = ADDRESSES.has(localName(name)) && !(typeof value === "string" && LOCAL.test(value));
    // An animation can set an address.
    const animates = localName(name) === "attributename" && ADDRESSES.has(localName(String(value)));
    if (isAddress || animates) {
      delete attributes[name];
    }
  }
}

function isObject(value: unknown): value is Part {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `xlink:href` is `href`. */
function localName(name: string): string {
  return name.slice(name.lastIndexOf(":") + 1).toLowerCase();
}
