// Monaco writes `style` attributes and `<style>` texts, which `style-src 'self'` forbids. The CSSOM
// is not forbidden: the same styles, set by script. Must be imported before anything that draws.

/** The HTML with its `style` attributes under another name. Text in it has no `<` of its own. */
function renamed(html: string): string {
  return html.replace(/<[^<>]*>/g, (tag) => tag.replaceAll(' style="', ' data-csp-style="'));
}

/** Does what the renamed attributes say. */
function apply(parent: Element) {
  for (const element of parent.querySelectorAll<HTMLElement>('[data-csp-style]')) {
    element.style.cssText = element.dataset.cspStyle!;
    delete element.dataset.cspStyle;
  }
}

const innerHtml = Object.getOwnPropertyDescriptor(Element.prototype, 'innerHTML')!;
Object.defineProperty(Element.prototype, 'innerHTML', {
  ...innerHtml,
  set(this: Element, html: string) {
    innerHtml.set!.call(this, renamed(String(html)));
    apply(this);
  },
});

const insertAdjacentHtml = Element.prototype.insertAdjacentHTML;
Element.prototype.insertAdjacentHTML = function (where, html) {
  insertAdjacentHtml.call(this, where, renamed(String(html)));
  apply(this.parentElement ?? this);
};

/** What a `<style>` shall say. The element itself stays empty. */
const texts = new WeakMap<HTMLStyleElement, string>();

/** Puts the text into the sheet of the element, which it has while it is in a document. */
function fill(style: HTMLStyleElement) {
  const { sheet } = style;
  if (!sheet) return;
  const parsed = new CSSStyleSheet();
  parsed.replaceSync(texts.get(style) ?? '');
  while (sheet.cssRules.length) sheet.deleteRule(0);
  [...parsed.cssRules].forEach((rule, index) => sheet.insertRule(rule.cssText, index));
}

const text = {
  configurable: true,
  get(this: HTMLStyleElement) {
    return texts.get(this) ?? '';
  },
  set(this: HTMLStyleElement, value: string) {
    texts.set(this, value);
    fill(this);
  },
};
Object.defineProperties(HTMLStyleElement.prototype, { textContent: text, innerText: text });

const appendChild = Node.prototype.appendChild;
Node.prototype.appendChild = function <T extends Node>(child: T): T {
  if (this instanceof HTMLStyleElement) {
    this.textContent += child.textContent ?? '';
    return child;
  }
  appendChild.call(this, child);
  if (child instanceof HTMLStyleElement && texts.has(child)) fill(child);
  return child;
};

export {};
