// What another site tries with a browser that Namens knows, over TLS: frames, and forms of its own. It even knows the tokens of our
// forms, which it could not.

import { EMAIL, eventually, expect, PASSWORD } from './house.mjs';
import { press, register, silently } from './steps.mjs';

const HERS = 'de.haan@voorbeeld.nl';

export async function cookies({ safe, portal, fresh }) {
  const page = await fresh();
  await page.goto(safe.request('own', portal));
  await register(safe, page, EMAIL, PASSWORD);
  expect((await portal.hears('a login over TLS')).says.code, 'cookies: a login over TLS ends at the portal');
  const kept = await page.context().cookies(safe.issuer);
  const names = kept.map((one) => one.name).sort();
  const guarded = (one) => one.secure && one.httpOnly && one.sameSite === 'Lax' && one.path === '/';
  const right = kept.every((one) => one.name.startsWith('__Host-') && guarded(one));
  expect(right && names.includes('__Host-namens-session'), 'cookies: Chromium keeps all of them as __Host- cookies', names);
  expect((await silently(safe, page, portal)) === 'logged in', 'cookies: and sends them: the session answers');
  const stranger = await fresh();
  expect((await silently(safe, stranger, portal)) === 'login_required', 'cookies: a browser without them is nobody');
  await stranger.context().close();
  await page.context().close();
}

export async function framing({ safe, portal, evil, fresh }) {
  const page = await fresh();
  await page.goto(safe.request('own', portal));
  const ours = page.url();
  let failures = [];
  page.on('requestfailed', (request) => { if (request.frame() !== page.mainFrame()) failures.push(request.failure().errorText); });
  // Why the frame shows nothing, or where it is.
  const framed = async (address) => {
    failures = [];
    evil.page = `<!doctype html><html lang="nl"><title>Frame</title><h1>Frame</h1><iframe src="${address}"></iframe>`;
    await page.goto(evil.origin);
    return eventually('the frame to show something', () => {
      const at = page.frames().find((one) => one !== page.mainFrame())?.url();
      return failures[0] ?? (at?.startsWith('http') && at);
    });
  };
  for (const address of [ours, `${safe.issuer}/logout`, safe.request('own', portal, { prompt: 'login' })]) {
    const shown = await framed(address);
    const name = address.replace(safe.issuer, '').replace(/[?].*/, '').replace(/login\/.*/, 'login/…');
    expect(shown === 'net::ERR_BLOCKED_BY_RESPONSE', `framing: ${name} shows nothing in a frame of another site`, shown);
  }
  // The twin allows it.
  const shown = await framed(portal.callback);
  expect(shown === portal.callback, 'framing: and a page that allows it is shown there', shown);
  portal.heard = [];
  await page.context().close();
}

// A form that stands at another site, and the press on its button. Gives what the browser shows in the end.
async function forge(page, evil, action, fields) {
  const inputs = Object.entries(fields).map(([name, value]) => `<input type="hidden" name="${name}" value="${value}">`).join('');
  const form = `<form method="post" action="${action}">${inputs}<button id="win">Win</button></form>`;
  evil.page = `<!doctype html><html lang="nl"><title>Prijs</title><h1>Prijs</h1>${form}`;
  await page.goto(evil.origin);
  await press(page, '#win');
}

const token = (page) => page.locator('input[name=csrf]').first().inputValue();

export async function forgeries({ safe, portal, evil, fresh }) {
  const owner = await fresh();
  await owner.goto(safe.request('own', portal));
  await register(safe, owner, HERS, PASSWORD);
  await portal.hears('a new account');
  await owner.context().close();

  // Logging in: with everything right but where the form stands.
  const page = await fresh();
  await page.goto(safe.request('own', portal));
  await press(page, '#local');
  const form = page.url();
  const fields = { csrf: await token(page), email: HERS, password: PASSWORD };
  await forge(page, evil, form, fields);
  expect(!(await page.isVisible('#code-form')), 'a form of another site: logs nobody in', page.url());
  await page.goto(form);
  await press(page, '#submit', { email: HERS, password: PASSWORD });
  expect(await page.isVisible('#code-form'), 'our own form: gets on to the code', page.url());

  const code = await safe.code(page);
  await forge(page, evil, form.replace(/email$/, 'code'), { csrf: fields.csrf, code });
  expect(portal.heard.length === 0, 'a form of another site: not even with the code', portal.heard);
  await page.goto(form.replace(/\/email$/, ''));
  await press(page, '#submit', { code });
  expect((await portal.hears('the answer of a login')).says.code, 'our own form: the same code logs in');

  // And out.
  await page.goto(`${safe.issuer}/logout`);
  await forge(page, evil, `${safe.issuer}/logout`, { csrf: await token(page) });
  expect((await silently(safe, page, portal)) === 'logged in', 'a form of another site: signs nobody out');
  await page.goto(`${safe.issuer}/logout`);
  await press(page, '#submit');
  expect((await silently(safe, page, portal)) === 'login_required', 'our own form: signs out');
  await page.context().close();
}
