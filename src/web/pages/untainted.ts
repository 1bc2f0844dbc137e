// Keeps rrweb from putting an iframe into every page.

import type { Plugin } from "vite";

/**
 * If a page has replaced functions that rrweb calls, rrweb takes them from an iframe that it adds and removes. It looks for
 * two methods among the accessors, does not find them, and so takes every page for modified. Chromium crashes if the iframe
 * is added while the first page of a browser is loading.
 */
const ACCESSORS = 'Element: ["shadowRoot", "querySelector", "querySelectorAll"],';
const METHODS = "Element: [],";

/** Moves the two methods from the accessors to the methods. */
export function untainted(): Plugin {
  return {
    name: "untainted",
    transform(code, id) {
      if (!id.endsWith("@rrweb/record/dist/record.js")) {
        return;
      }
      if (!code.includes(ACCESSORS) || !code.includes(METHODS)) {
        this.error("rrweb has changed how it detects replaced functions: check whether this plugin is still needed");
      }
      return code
        .replace(ACCESSORS, 'Element: ["shadowRoot"],')
        .replace(METHODS, 'Element: ["querySelector", "querySelectorAll"],');
    },
  };
}
