// Every page there is, as it looks: named by its template and what is on it.

import { createHmac } from 'node:crypto';

import { expect, PASSWORD } from './house.mjs';
import { press, typeCode, typeWrongCode } from './steps.mjs';

const [BASIS, ANNA, SEM, HENK, BRAM] = ['Basis', '#person-1', '#person-2', '#person-5', '#person-6'];
const ADDRESS = 'de.wit@voorbeeld.nl';

export async function everyPage(world) {
  const { look, fresh, house, portal } = world;
  const page = await fresh();
  // What a browser blocks of our own pages, it says here.
  const blocked = [];
  page.on('console', (message) => { if (/Content Security Policy/.test(message.text())) blocked.push(message.text()); });
  await newAccount(world, page);
  await secondLogin(world, page);
  await byDigid(world, page);
  await forgotten(world, page);
  await errors(world, page);
  await forWhom(world, page);
  expect(blocked.length === 0, 'no page asks for what its own policy forbids', blocked);
  portal.heard = [];
  await page.context().close();

  const english = await fresh({ locale: 'en-GB' });
  await english.goto(house.request('own', portal));
  await look.at(english, 'choose, in English');
  await english.context().close();
}

async function newAccount({ look, house, portal }, page) {
  await page.goto(house.request('other', portal));
  await look.at(page, 'choose');
  await press(page, '#register');
  await look.at(page, 'register');
  await press(page, '#submit', { email: 'nergens', password: 'kort' });
  await look.at(page, 'register with what is no address');
  await press(page, '#submit', { email: ADDRESS, password: 'kort' });
  await look.at(page, 'register with a short password');
  await press(page, '#submit', { email: ADDRESS, password: PASSWORD });
  await look.at(page, 'code');
  await press(page, '#resend');
  await look.at(page, 'code asked again too early');
  await typeWrongCode(house, page);
  await look.at(page, 'code that is wrong');
  await typeCode(house, page);
  await look.at(page, 'client_consent');
  await press(page, '#allow');
  expect((await portal.hears('a new account')).says.code, 'the new account is in');
  await page.route('**/static/form_post.js', (route) => route.abort());
  await page.goto(house.request('other', portal, { response_mode: 'form_post' }));
  await look.at(page, 'form_post');
  await page.goto(`${house.issuer}/account`);
  await look.at(page, 'account');
  await waysInAndOut({ look, house }, page);
  await anApp({ look, house, portal }, page);
  await page.goto(`${house.issuer}/account/log`);
  await look.at(page, 'account_log');
  await page.goto(`${house.issuer}/account/password`);
  await look.at(page, 'account_password');
  await press(page, '#submit', { password: 'kort' });
  await look.at(page, 'account_password that is too short');
  await page.goto(`${house.issuer}/account/erase`);
  await look.at(page, 'account_erase of a member of staff');
  await page.goto(`${house.issuer}/account?error=access_denied`);
  await look.at(page, 'account_stopped');
  await page.goto(`${house.issuer}/logout`);
  await look.at(page, 'logout');
  await press(page, '#submit');
  await look.at(page, 'logged_out');
}

async function waysInAndOut({ look, house }, page) {
  await page.goto(`${house.issuer}/account/email`);
  await look.at(page, 'account_email');
  await press(page, '#submit', { email: 'geen adres' });
  await look.at(page, 'account_email that is none');
  await press(page, '#submit', { email: 'een.ander@voorbeeld.nl' });
  await look.at(page, 'account_email that waits for its code');
  await press(page, '#confirm', { code: 'BCDFG' });
  await look.at(page, 'account_email with a code that is wrong');
  await page.goto(`${house.issuer}/account/digid`);
  await look.at(page, 'account_digid');
  await page.goto(`${house.issuer}/account/digid?error=login_required`);
  await look.at(page, 'account_digid_another');
  await page.goto(`${house.issuer}/account/merge`);
  await look.at(page, 'account_merge');
  await page.goto(`${house.issuer}/account/portals`);
  await look.at(page, 'account_portals');
  await page.goto(`${house.issuer}/account/export`);
  await look.at(page, 'account_export');
  await press(page, '#page');
  await look.at(page, 'account_export_all');
  await page.goto(`${house.issuer}/account/erase`);
  await look.at(page, 'account_erase');
  await press(page, '#erase', { email: 'een.ander@voorbeeld.nl' });
  await look.at(page, 'account_erase with another address');
}

// The code of an authenticator app that was told this key (RFC 6238), for the step so many after this one.
function appCode(key, later = 0) {
  const letters = [...key.replace(/\s/g, '')].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter));
  const bits = letters.map((value) => value.toString(2).padStart(5, '0')).join('');
  const secret = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + later));
  const hash = createHmac('sha1', secret).update(step).digest();
  const number = hash.readUInt32BE(hash[19] & 15) & 0x7fffffff;
  return String(number % 1000000).padStart(6, '0');
}

async function anApp({ look, house, portal }, page) {
  await page.goto(`${house.issuer}/account/app`);
  await look.at(page, 'account_app');
  await press(page, '#submit', { code: '12' });
  await look.at(page, 'account_app with a code that is wrong');
  const key = await page.textContent('#secret');
  await press(page, '#submit', { code: appCode(key) });
  await look.at(page, 'account_app_codes');
  await theDesk({ look, house }, page, key);
  await page.goto(house.request('own', portal, { prompt: 'login' }));
  await press(page, '#local');
  await press(page, '#submit', { email: ADDRESS, password: PASSWORD });
  await look.at(page, 'app_code');
  await press(page, '#submit', { code: '12' });
  await look.at(page, 'app_code that is wrong');
  await press(page, '#recovery');
  await look.at(page, 'app_code for a recovery code');
  await page.goto(`${house.issuer}/account/app`);
  await look.at(page, 'account_app where there is one');
  await press(page, '#remove');
  await look.at(page, 'account without an app again');
}

async function theDesk({ look, house }, page, key) {
  await page.goto(`${house.issuer}/desk`);
  await look.at(page, 'desk_closed');
  const roles = ['registrar', 'privacy_officer', 'auditor'].flatMap((role) => ['--role', role]);
  house.command('staff', 'add', ADDRESS, ...roles, '--department', 'Polikliniek', '--by', 'beheer');
  await press(page, '#again');
  await press(page, '#local');
  await press(page, '#submit', { email: ADDRESS, password: PASSWORD });
  // Of the next step: setting up the app has spent the one of this.
  await press(page, '#submit', { code: appCode(key, 1) });
  await look.at(page, 'desk');
  await press(page, '#submit', { bsn: '1' });
  await look.at(page, 'desk with what is no BSN');
  await press(page, '#to-register');
  await look.at(page, 'desk_register');
  await press(page, '#submit');
  await look.at(page, 'desk_register with nothing filled in');
  const chosen = { representative_document: 'passport', represented_document: 'passport', relation: 'parent', evidence: 'court_order' };
  for (const [name, value] of Object.entries(chosen)) await page.selectOption(`#${name}`, value);
  for (const name of ['representative_seen', 'represented_seen']) await page.check(`#${name}`);
  await press(page, '#submit', {
    representative_bsn: '123456782', representative_name: 'Els', representative_until: '2090-01-01',
    represented_number: 'K-1001', represented_name: 'Kim', represented_birth: '2020-01-01', represented_until: '2090-01-01',
    legal_basis: 'art. 1:247 BW', form_reference: '2026-1',
  });
  await look.at(page, 'desk_mandate');
  await press(page, '#block');
  await look.at(page, 'desk_mandate with a block without a reason');
  await press(page, '#represented');
  await look.at(page, 'desk_person');
  await press(page, '#correct', { 'right-birth': 'gisteren' });
  await look.at(page, 'desk_person with what is no date');
  for (const name of ['queue', 'ahead', 'leaflet', 'log']) {
    await page.goto(`${house.issuer}/desk/${name}`);
    await look.at(page, `desk_${name}`);
  }
  await press(page, '#submit', { number: 'K-1001' });
  await look.at(page, 'desk_log with lines');
  await page.goto(`${house.issuer}/desk/staff`);
  await look.at(page, 'desk_staff');
  await press(page, '#submit', { email: 'nergens' });
  await look.at(page, 'desk_staff with nobody');
}

async function secondLogin({ look, house, portal }, page) {
  await page.goto(house.request('own', portal));
  await press(page, '#local');
  await look.at(page, 'email');
  await press(page, '#submit', { email: ADDRESS, password: 'iets anders' });
  await look.at(page, 'email and password that are wrong');
}

// From the page that asks DigiD on: as whom, at which level.
async function asks(house, portal, page, person, level) {
  await page.context().clearCookies();
  await page.goto(house.request('own', portal));
  await press(page, '#digid');
  if (level) await page.selectOption('#level', level);
  await press(page, person);
}

async function byDigid({ look, house, portal }, page) {
  await asks(house, portal, page, '#cancel');
  await look.at(page, 'choose after DigiD was cancelled');
  await asks(house, portal, page, '#failed');
  await look.at(page, 'error of DigiD');
  await asks(house, portal, page, BRAM, BASIS);
  await look.at(page, 'error of a level that is too low');
  await asks(house, portal, page, SEM);
  await look.at(page, 'error of somebody too young');
  await asks(house, portal, page, BRAM);
  await look.at(page, 'question');
  await press(page, '#new');
  await look.at(page, 'register after DigiD');
  await press(page, '#back');
  await press(page, '#have');
  await look.at(page, 'link');
  await press(page, '#submit', { email: ADDRESS, password: 'iets anders' });
  await look.at(page, 'link with a wrong password');
  await press(page, '#submit', { email: ADDRESS, password: PASSWORD });
  await look.at(page, 'code to link');
  await typeCode(house, page);
  await look.at(page, 'done');
  await press(page, '#submit');
  expect((await portal.hears('who linked')).says.code, 'the account has DigiD now');
  await page.goto(`${house.issuer}/account/mandates`);
  await look.at(page, 'account_mandates');
  await press(page, '#take-submit', { code: 'BCDFG HJKLM' });
  await look.at(page, 'account_mandates with a wrong code');
}

async function forgotten({ look, house, portal }, page) {
  await page.context().clearCookies();
  await page.goto(house.request('own', portal));
  await press(page, '#local');
  await press(page, '#recover');
  await look.at(page, 'recover');
  await press(page, '#submit', { email: 'nergens' });
  await look.at(page, 'recover with what is no address');
  await press(page, '#submit', { email: ADDRESS });
  await look.at(page, 'code that nobody asked for');
  await typeCode(house, page);
  await look.at(page, 'recover_digid');
  await press(page, '#digid');
  await press(page, '#cancel');
  await look.at(page, 'recover_digid after DigiD was cancelled');
  await press(page, '#digid');
  await press(page, BRAM);
  await look.at(page, 'new_password');
  await press(page, '#submit', { password: 'kort' });
  await look.at(page, 'new_password that is too short');
  await press(page, '#submit', { password: 'een heel ander woord' });
  await look.at(page, 'choose after a new password');
}

async function forWhom({ look, house }, page) {
  const ask = (more = '') => page.goto(new URL(`/login?act_as=choose${more}`, house.portal).href);
  await page.context().clearCookies();
  await ask();
  await press(page, '#digid');
  await press(page, ANNA);
  // Unless another story linked her DigiD before.
  if (await page.isVisible('#have')) {
    await press(page, '#have');
    await press(page, '#submit', { email: 'anna@example.nl', password: 'vier groene fietsen' });
    await typeCode(house, page);
    await press(page, '#submit');
  }
  await look.at(page, 'chooser');
  await press(page, '#submit');
  await look.at(page, 'chooser with nobody chosen');
  await ask('&ui_locales=en');
  await look.at(page, 'chooser, in English');
}

async function errors({ look, house, portal }, page) {
  for (const [name, address] of [
    ['error of an unknown client', `${house.issuer}/authorize?client_id=${'x'.repeat(200)}`],
    ['error of an unknown redirect URI', house.request('own', portal, { redirect_uri: 'https://evil.test/' })],
    ['error of a login that is gone', `${house.issuer}/login/AAAAAAAAAAAAAAAAAAAAAA`],
    ['error of a page that is not there', `${house.issuer}/nergens`],
  ]) {
    await page.goto(address);
    await look.at(page, name);
  }
  await asks(house, portal, page, HENK);
  await press(page, '#stop');
  const heard = await portal.hears('somebody who stops');
  expect(heard.says.error === 'access_denied', 'who stops goes back to the portal', heard);
}
