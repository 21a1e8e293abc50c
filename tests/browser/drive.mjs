// Drives a real Chromium through a `namens` binary that has the simulator, and says how it went.
//
// Usage: node drive.mjs NAMENS CHROMIUM NODE_MODULES [STORY]
//
// NODE_MODULES holds playwright-core and axe-core. What only a browser can tell: whether it obeys the headers that pages have,
// whether they work without scripts, whether they fit and can be read by everybody. Each attack has a twin that is let through. With
// STORY that one is told and no other. Exits 0 when all went well; otherwise it names the step.

import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { demo, expect, Failed, PATIENCE, secure, site, stop } from './house.mjs';
import { cookies, forgeries, framing } from './hostile.mjs';
import { looker } from './looks.mjs';
import { plainly } from './plainly.mjs';
import { everyPage } from './pages.mjs';
import { formAction, formPost } from './post.mjs';

const [program, chromium, modules] = process.argv.slice(2, 5).map((one) => path.resolve(one));
const only = process.argv[5];
if (!modules) {
  console.error('Usage: node drive.mjs NAMENS CHROMIUM NODE_MODULES [STORY]');
  process.exit(2);
}
const folder = mkdtempSync(path.join(tmpdir(), 'namens-browser-'));
const load = (name) => import(pathToFileURL(path.join(modules, name)).href);

// How long all may take, in milliseconds.
const LONGEST = 600_000;
// Of these there is no look: DigiD here is asked by a redirect and has no single logout.
const UNSEEN = ['base', 'parts', 'desk_parts', 'account_offers', 'digid', 'partly_logged_out'];

async function drive(browser) {
  const portal = await site('127.0.0.1');
  // Another site, and not only another origin: cookies with SameSite tell the difference.
  const evil = await site('evil.test');
  const house = await demo(program, folder, portal);
  const safe = await secure(program, path.join(folder, 'secure'), portal);
  const look = looker(readFileSync(path.join(modules, 'axe-core/axe.min.js'), 'utf8'));
  // A browser of somebody else each time: no cookies yet.
  const fresh = async (more = {}) => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: 'nl-NL', ...more });
    context.setDefaultTimeout(PATIENCE);
    return context.newPage();
  };
  const world = { house, safe, portal, evil, fresh, look };
  for (const story of [plainly, formPost, formAction, cookies, framing, forgeries, everyPage]) {
    if (!only || story.name === only) await story(world);
  }
  if (only) return;

  const templates = readdirSync(fileURLToPath(new URL('../../templates', import.meta.url))).filter((name) => name.endsWith('.html'));
  const wanted = templates.map((name) => name.slice(0, -'.html'.length)).filter((name) => !UNSEEN.includes(name));
  const missed = wanted.filter((name) => ![...look.seen].some((one) => one.split(' ')[0] === name));
  expect(missed.length === 0, `every template was looked at, but ${UNSEEN.join(', ')}`, missed);
}

// The logs of what was started.
function logs(where) {
  const within = readdirSync(where, { withFileTypes: true });
  return within.flatMap((one) => {
    const at = path.join(where, one.name);
    if (one.isDirectory()) return logs(at);
    return one.name.endsWith('.log') ? [at] : [];
  });
}

let code = 1;
let browser;
try {
  const { chromium: launcher } = await load('playwright-core/index.mjs');
  browser = await launcher.launch({
    executablePath: chromium,
    timeout: PATIENCE,
    args: ['--no-sandbox', '--disable-gpu', '--no-proxy-server', '--disable-dev-shm-usage',
      '--host-resolver-rules=MAP evil.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.*'],
  });
  const late = new Promise((_, fail) => {
    setTimeout(() => fail(new Failed(`all of it took longer than ${LONGEST / 1000} s`)), LONGEST).unref();
  });
  await Promise.race([drive(browser), late]);
  console.log(`Chromium ${browser.version()} logs in, obeys the pages' headers, and finds them good`);
  code = 0;
} catch (error) {
  for (const log of logs(folder)) console.error(`-- ${log}\n${readFileSync(log, 'utf8').slice(-4000)}`);
  console.error(`FAILED at ${error instanceof Failed ? error.message : error.stack}`);
} finally {
  await browser?.close();
  await stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(code);
