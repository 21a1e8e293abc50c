// What a browser meets: Namens as a demo and as an installation that speaks TLS, a portal, and a site that means ill. And the
// waiting, which always has an end.

import { spawn, execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';

// How long one thing may take, in milliseconds.
export const PATIENCE = 60_000;
export const [EMAIL, PASSWORD] = ['jansen@voorbeeld.nl', 'een fiets op de dijk'];
const children = [];

export class Failed extends Error {}

export function expect(right, step, seen = '') {
  if (!right) throw new Failed(`${step}: ${typeof seen === 'string' ? seen : JSON.stringify(seen)}`);
  console.log('ok', step);
}

// What `ask` gives as soon as it gives something.
export async function eventually(what, ask) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const got = await ask();
    if (got) return got;
    if (Date.now() > end) throw new Failed(`waited for ${what} in vain`);
    await new Promise((resume) => setTimeout(resume, 50));
  }
}

// Starts a program and gives what it says once it says `ready`.
async function start(command, folder, ready) {
  const log = path.join(folder, 'program.log');
  const child = spawn(command[0], command.slice(1), { cwd: folder, stdio: ['ignore', 'pipe', openSync(log, 'a')] });
  children.push(child);
  let said = '';
  child.stdout.on('data', (part) => { said += part; });
  return eventually(`${command.slice(0, 2).join(' ')} to start`, () => {
    if (child.exitCode !== null) throw new Failed(`${command.join(' ')} ended: ${said}${readFileSync(log)}`);
    return ready.test(said) && said;
  });
}

// Ends what was started, and waits until it has ended.
export async function stop() {
  await Promise.all(children.map((child) => new Promise((gone) => {
    if (child.exitCode !== null || child.signalCode !== null) return gone();
    child.once('exit', gone);
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), 10_000).unref();
  })));
}

// The text of a mail whose body is quoted-printable.
function plain(mail) {
  const bytes = mail.replaceAll(/=\r?\n/g, '').replaceAll(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString();
}

// An installation of Namens.
class House {
  constructor(issuer, folder) {
    Object.assign(this, { issuer, folder });
  }

  // The code of the mail whose reference the page tells.
  async code(page) {
    const reference = (await page.textContent('main')).match(/(?:kenmerk|reference) ([\w-]+)/)?.[1];
    if (!reference) throw new Failed(`no reference on the page ${page.url()}: ${await page.textContent('main')}`);
    const mails = path.join(this.folder, 'mail');
    return eventually(`a mail with reference ${reference}`, () => {
      const letters = existsSync(mails) ? readdirSync(mails).filter((name) => name.endsWith('.eml')) : [];
      const texts = letters.map((name) => plain(readFileSync(path.join(mails, name), 'latin1')));
      const text = texts.findLast((one) => one.includes(`kenmerk ${reference}`) || one.includes(`reference ${reference}`));
      return text?.match(/code is ([^.]+)\./)?.[1].replaceAll(' ', '');
    });
  }

  // An authorization request of a portal of ours, which is a client of this name.
  request(client, portal, more = {}) {
    const asked = { client_id: client, redirect_uri: portal.callback, response_type: 'code', scope: 'openid email', state: 's' };
    return `${this.issuer}/authorize?${new URLSearchParams({ ...asked, ...more })}`;
  }
}

// `namens demo`, with two clients more: a portal of our own, and one of somebody else that must ask what it may know.
export async function demo(program, folder, portal) {
  const said = await start([program, 'demo', '--any-port'], folder, /Stop:/);
  const find = (row) => said.match(row)?.[1] ?? '';
  const home = path.resolve(folder, find(/Data and log: (\S+)/));
  const house = new House(find(/^ {2}Namens +(http\S+)/m), home);
  const config = path.join(home, 'namens.toml');
  house.command = (...more) => execFileSync(program, ['--config', config, ...more], { timeout: PATIENCE, stdio: 'pipe' }).toString();
  Object.assign(house, { portal: find(/begin here +(http\S+)/), secrets: {} });
  for (const [name, more] of [['own', []], ['other', ['--third-party']]]) {
    const add = ['clients', 'add', name, '--by', 'els', '--name', `Portaal ${name}`, '--policy', 'basic',
      '--auth', 'client_secret_basic', '--redirect-uri', portal.callback, '--scope', 'email', '--json', ...more];
    house.secrets[name] = JSON.parse(house.command(...add)).client_secret;
  }
  return house;
}

const CONFIG = (issuer, listen, portal) => `issuer = "${issuer}"
listen = "${listen}"
database = "namens.db"
master_key = { file = "keys/master.key" }
[mail]
from = "Namens <noreply@namens.test>"
folder = "mail"
[tls]
certificate = "keys/web.crt"
key = "keys/web.key"
[[client]]
id = "own"
name = "Portaal"
redirect_uris = ["${portal.callback}"]
policy = "basic"
auth = "client_secret_basic"
secret = { file = "portal.secret" }
scopes = ["openid", "email"]
`;

// An installation that speaks TLS itself, by a certificate that it made for itself.
export async function secure(program, folder, portal) {
  mkdirSync(folder);
  // A loopback address of its own: its port cannot be taken.
  const listen = `127.252.${(process.pid >> 8) & 255}.${(process.pid & 255) || 255}:8443`;
  const house = new House(`https://${listen}`, folder);
  const config = path.join(folder, 'namens.toml');
  const run = (command, ...more) => execFileSync(command, more, { cwd: folder, timeout: PATIENCE, stdio: 'pipe' });
  run(program, 'init', '--issuer', house.issuer, '--folder', folder);
  run('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=namens.test',
    '-addext', `subjectAltName=IP:${listen.split(':')[0]}`, '-keyout', 'keys/web.key', '-out', 'keys/web.crt');
  writeFileSync(path.join(folder, 'portal.secret'), 'a secret of the portal, for tests only', { mode: 0o600 });
  run('chmod', '600', 'keys/web.key');
  writeFileSync(config, CONFIG(house.issuer, listen, portal));
  await start([program, '--config', config, 'serve'], folder, /listens on/);
  return house;
}

// A web server on this machine that notes what it hears, under any name.
class Site {
  constructor(port, name) {
    this.origin = `http://${name}:${port}`;
    this.callback = `${this.origin}/callback`;
    this.heard = [];
    this.page = '<!doctype html><html lang="nl"><title>Site</title><h1>Site</h1>';
  }

  // The first of what was heard at a path; all is forgotten then.
  async hears(what, where = '/callback') {
    const found = await eventually(what, () => this.heard.find((one) => one.path === where));
    this.heard = [];
    return found;
  }
}

// Starts one: `name` is what the browser calls it.
export async function site(name) {
  let made;
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => { body = (body + part).slice(0, 65_536); });
    request.on('end', () => {
      const url = new URL(request.url, made.origin);
      const says = new URLSearchParams(request.method === 'POST' ? body : url.search);
      // Asked for by browsers when they feel like it.
      if (url.pathname === '/favicon.ico') return response.writeHead(404).end();
      made.heard.push({ method: request.method, path: url.pathname, says: Object.fromEntries(says) });
      response.setHeader('content-type', 'text/html; charset=utf-8').end(made.page);
    });
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  server.unref();
  made = new Site(server.address().port, name);
  return made;
}
