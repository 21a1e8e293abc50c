// The steps of a login that several stories take, by the ids of buttons and fields: the language does not matter.

import { Failed } from './house.mjs';

// Fills in fields, presses a button or follows a link, and waits until the page that comes of it is there, which may have the
// same address. Every step here ends with a page that is whole, so the next one to be whole is what comes of the press.
export async function press(page, button, fields = {}) {
  const from = page.url().split('?')[0];
  try {
    for (const [name, value] of Object.entries(fields)) await page.fill(`#${name}`, value);
    await Promise.all([page.waitForEvent('load'), page.click(button)]);
  } catch (error) {
    throw new Failed(`a press on ${button} at ${from}: ${error.message.split('\n')[0]}`);
  }
}

// From the first page of a login to whatever follows the code.
export async function byPassword(house, page, email, password) {
  await press(page, '#local');
  await press(page, '#submit', { email, password });
  await typeCode(house, page);
}

// A new account, from the first page of a login on.
export async function register(house, page, email, password) {
  await press(page, '#register');
  await press(page, '#submit', { email, password });
  await typeCode(house, page);
}

export async function typeCode(house, page) {
  await press(page, '#submit', { code: await house.code(page) });
}

// Another code than the one that was mailed.
export async function typeWrongCode(house, page) {
  const code = await house.code(page);
  await press(page, '#submit', { code: (code.startsWith('0') ? '1' : '0') + code.slice(1) });
}

// What a portal hears of somebody who may be logged in: asked without a page.
export async function silently(house, page, portal, client = 'own') {
  await page.goto(house.request(client, portal, { prompt: 'none' }));
  const { says } = await portal.hears('an answer without a page');
  return says.code ? 'logged in' : says.error;
}
