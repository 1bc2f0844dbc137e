import { expect, test } from "vitest";
import { inert } from "../replay/inert";

const OTHER = "http://evil.example/";

test.each([
  "src",
  "SRC",
  "href",
  "xlink:href",
  "any:href",
  "srcset",
  "imagesrcset",
  "poster",
  "data",
  "action",
  "formaction",
  "background",
  "ping",
  "manifest",
  "rr_dataURL",
])("%s keeps data and loses addresses", (name) => {
  for (const value of [OTHER, "//evil.example", "/api/health", "javascript:1", "x.png", 7]) {
    expect(inert({ attributes: { [name]: value, class: "a" } })).toEqual({ attributes: { class: "a" } });
  }
  const local = { attributes: { [name]: "data:image/png;base64,AA==" } };
  expect(inert(structuredClone(local))).toEqual(local);
});

test("elements that load or run something become inert ones, in any case", () => {
  for (const tagName of ["script", "SCRIPT", "svg:script", "object", "embed", "frame", "base", "Portal"]) {
    expect(inert({ tagName, attributes: {} }).tagName).toBe("noscript");
  }
  expect(inert({ tagName: "iframe", attributes: { srcdoc: "<img>" } })).toEqual({
    tagName: "iframe",
    attributes: {},
  });
});

test("nodes and changes of attributes are found at any depth", () => {
  let node: Record<string, unknown> = { tagName: "a", attributes: { href: OTHER, title: "t" } };
  for (let depth = 0; depth < 100_000; depth += 1) {
    node = { tagName: "div", attributes: {}, childNodes: [node] };
  }
  inert({ type: 2, data: { node } });
  while (Array.isArray(node.childNodes)) {
    node = node.childNodes[0];
  }
  expect(node.attributes).toEqual({ title: "t" });
  const change = {
    type: 3,
    data: { source: 0, attributes: [{ id: 1, attributes: { src: OTHER, id: "x" } }] },
  };
  expect(inert(change).data.attributes[0]?.attributes).toEqual({ id: "x" });
});

test("text, styles and places in the document stay", () => {
  const page = {
    tagName: "use",
    attributes: { "xlink:href": "#icon", style: "color: red", class: "src" },
    childNodes: [{ type: 3, textContent: "see http://evil.example/" }],
  };
  expect(inert(structuredClone(page))).toEqual(page);
});

test("an animation does not set an address", () => {
  const set = { tagName: "set", attributes: { attributeName: "xlink:href", to: OTHER } };
  expect(inert(set).attributes).not.toHaveProperty("attributeName");
  const move = { tagName: "animate", attributes: { attributeName: "x", to: "7" } };
  expect(inert(structuredClone(move))).toEqual(move);
});
