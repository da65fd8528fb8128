// SPDX-License-Identifier: Apache-2.0
//
// Finding and making elements. No inline style or script: the page runs under `default-src 'self'`.

const SVG = "http://www.w3.org/2000/svg";

// An element of index.html. One that is missing is a fault of ours, so it throws.
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no element #${id}`);
  return element as T;
}

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = "",
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

// A symbol of the sprite in index.html.
export function icon(name: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

// Writes only what differs, so that screen readers and layout are left in peace.
export function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

// A button with two states. Its name says what a press will do, so it is no toggle to a screen
// reader, which would tell the state a second time.
export function setToggle(
  button: HTMLElement,
  pressed: boolean,
  iconName: string,
  label: string,
): void {
  const face = `${iconName} ${label}`;
  button.dataset["pressed"] = String(pressed);
  if (button.dataset["face"] === face) return;
  button.dataset["face"] = face;
  button.setAttribute("aria-label", label);
  button.title = label;
  button.replaceChildren(icon(iconName));
}
