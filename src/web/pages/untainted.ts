// Keeps rrweb from putting an iframe into every page.

import type { Plugin } from "vite";

/**
 * Where a page has replaced what rrweb calls, rrweb takes it from an iframe that it adds and removes. It looks for two
 * methods among the accessors, finds neither, and takes every page for such a one. Chromium goes down where that happens
 * while the first page of a browser is on its way.
 */
const ACCESSORS = 'Element: ["shadowRoot", "querySelector", "querySelectorAll"],';
const METHODS = "Element: [],";

/** Has rrweb look for the methods among the methods. */
export function untainted(): Plugin {
  return {
    name: "untainted",
    transform(code, id) {
      if (!id.endsWith("@rrweb/record/dist/record.js")) {
        return;
      }
      if (!code.includes(ACCESSORS) || !code.includes(METHODS)) {
        this.error("rrweb looks for what pages have replaced in another way: see whether it still needs this");
      }
      return code
        .replace(ACCESSORS, 'Element: ["shadowRoot"],')
        .replace(METHODS, 'Element: ["querySelector", "querySelectorAll"],');
    },
  };
}
