// Looks at pages as a person with a telephone, with a desktop, or with a screen reader would.

import { expect } from './house.mjs';

const WIDTHS = [390, 1280];
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

// What is wrong with a page at the width it has now: runs in the browser.
function wrong() {
  const found = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) found.push(`scrolls sideways: ${root.scrollWidth} > ${root.clientWidth}`);
  const headings = document.querySelectorAll('h1').length;
  if (headings !== 1) found.push(`has ${headings} h1`);
  for (const field of document.querySelectorAll('input:not([type=hidden]), select, textarea')) {
    if (![...field.labels].some((label) => label.textContent.trim())) found.push(`${field.id || field.name} has no label`);
  }
  if (!document.title.trim() || !root.lang) found.push('has no title or no language');
  return found;
}

// A look at pages that counts which were seen.
export function looker(axe) {
  const seen = new Set();
  return {
    seen,
    async at(page, name) {
      const found = [];
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 800 });
        found.push(...(await page.evaluate(wrong)).map((what) => `${what} (at ${width} px)`));
        await page.evaluate(axe);
        const { violations } = await page.evaluate((values) => window.axe.run({ runOnly: { type: 'tag', values } }), RULES);
        found.push(...violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html} (at ${width} px)`)));
      }
      seen.add(name);
      const heading = (await page.textContent('h1')).trim();
      expect(found.length === 0, `the page “${name}” (${heading}) is good at ${WIDTHS.join(' and ')} px`, found);
    },
  };
}
