// The whole walk in a browser that runs no script: DigiD, the question, the link, the code, and the portal that shows for whom
// she may act; with a password; what somebody else's portal may know; and signing out.

import { expect } from './house.mjs';
import { byPassword, press, silently, typeCode } from './steps.mjs';

const [ANNA, HERS] = ['anna@example.nl', 'vier groene fietsen'];
const claims = async (page) => JSON.parse(await page.textContent('#claims'));

export async function plainly({ house, portal, fresh }) {
  let page = await fresh({ javaScriptEnabled: false, locale: 'en-GB' });
  await page.goto(house.portal);
  await press(page, '#login');
  await byPassword(house, page, ANNA, HERS);
  const local = await claims(page);
  const alone = local.acr === 'urn:namens:acr:local' && local.act_as.length === 0;
  expect(alone, 'without scripts: a password and a code log in, for nobody else', local);

  page = await fresh({ javaScriptEnabled: false });
  await page.goto(house.portal);
  await press(page, '#login');
  await press(page, '#digid');
  await press(page, '#person-1');
  await press(page, '#have');
  await press(page, '#submit', { email: ANNA, password: HERS });
  await typeCode(house, page);
  await press(page, '#submit');
  const linked = await claims(page);
  const relations = linked.act_as.map((one) => one.relation).sort();
  const right = linked.sub === local.sub && linked.act_as.length === 2;
  expect(right, 'without scripts: DigiD, the question, the link, the code, and act_as names two', { relations, sub: linked.sub });

  await page.goto(new URL('/login?act_as=choose', house.portal).href);
  const chosen = await page.locator('input[type=radio]:checked').count();
  expect(chosen === 0, 'without scripts: nobody is chosen before she chooses', chosen);
  await press(page, '#submit');
  expect(await page.isVisible('#error'), 'without scripts: who chooses nobody is told so', page.url());
  await page.check('#person-1');
  await press(page, '#submit');
  const acting = await claims(page);
  const forOne = acting.sub === local.sub && acting.act_as.some((one) => one.sub === acting.represents?.sub);
  expect(forOne, 'without scripts: she chooses for whom, and stays who she is', acting);

  await page.goto(house.request('other', portal));
  await press(page, '#refuse');
  const refused = await portal.hears('a refusal');
  expect(refused.says.error === 'access_denied', 'without scripts: who refuses is told as such', refused);
  await page.goto(house.request('other', portal));
  expect(await page.isVisible('#consent-form'), "without scripts: somebody else's portal must ask", page.url());
  await press(page, '#allow');
  const allowed = await portal.hears('an answer');
  expect(allowed.says.code && allowed.says.iss === house.issuer, 'without scripts: who allows it comes back with a code', allowed);

  expect((await silently(house, page, portal)) === 'logged in', 'without scripts: the session answers');
  await page.goto(`${house.issuer}/logout`);
  expect((await silently(house, page, portal)) === 'logged in', 'without scripts: asking to sign out does not sign out');
  await page.goto(`${house.issuer}/logout`);
  await press(page, '#submit');
  const after = await silently(house, page, portal);
  expect(after === 'login_required', 'without scripts: who confirms is signed out', after);
  await page.context().close();
}
