// A portal on openid-client, which nobody here wrote: `node relying_party.mjs PROFILE`, with openid-client to be found in
// node_modules above it. PROFILE is `basic`, `fapi2` or `dynamic`, which registers itself. drive.py is its browser: each says to the other what comes next, a
// line of JSON at a time.

import { createInterface } from 'node:readline';
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto;
const client = await import(process.env.OPENID_CLIENT);

const fapi = process.argv[2] === 'fapi2';
const dynamic = process.argv[2] === 'dynamic';
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (what) => console.log(JSON.stringify(what));
const hear = async () => JSON.parse((await lines.next()).value);

let keys;
if (fapi) {
  keys = await crypto.subtle.generateKey(
    { name: 'RSA-PSS', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }, true, ['sign', 'verify'],
  );
  const jwk = await crypto.subtle.exportKey('jwk', keys.publicKey);
  say({ jwks: { keys: [{ kty: jwk.kty, n: jwk.n, e: jwk.e, alg: 'PS256', use: 'sig', kid: 'one' }] } });
} else {
  say({});
}

const told = await hear();
const authentication = fapi ? client.PrivateKeyJwt({ key: keys.privateKey, kid: 'one' }) : client.ClientSecretBasic(told.secret);
const metadata = fapi ? { id_token_signed_response_alg: 'PS256' } : {};
const execute = [client.allowInsecureRequests, client.enableNonRepudiationChecks];
const wanted = {
  client_name: 'Openid-client',
  redirect_uris: [told.redirect_uri],
  post_logout_redirect_uris: [told.post_logout_redirect_uri],
  scope: 'openid email act_as',
  token_endpoint_auth_method: 'client_secret_post',
};
const config = dynamic
  ? await client.dynamicClientRegistration(new URL(told.issuer), wanted, undefined, { initialAccessToken: told.invitation, execute })
  : await client.discovery(new URL(told.issuer), told.client_id, metadata, authentication, { execute });

const options = fapi ? { DPoP: client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256')) } : undefined;
const [verifier, nonce, state] = [client.randomPKCECodeVerifier(), client.randomNonce(), client.randomState()];
const request = {
  redirect_uri: told.redirect_uri,
  scope: 'openid email act_as',
  nonce,
  state,
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
};
say({
  client_id: config.clientMetadata().client_id,
  go: fapi ? await client.buildAuthorizationUrlWithPAR(config, request, options) : client.buildAuthorizationUrl(config, request),
});

const checks = { pkceCodeVerifier: verifier, expectedNonce: nonce, expectedState: state, idTokenExpected: true };
let back = await hear();
for (; back.altered; back = await hear()) {
  try {
    await client.authorizationCodeGrant(config, new URL(back.altered), checks, undefined, options);
    say({ refused: null });
  } catch (error) {
    say({ refused: error.code ?? error.message });
  }
}
const came = new URL(back.came);
const tokens = await client.authorizationCodeGrant(config, came, checks, undefined, options);
const claims = tokens.claims();
const user = await client.fetchUserInfo(config, tokens.access_token, claims.sub, options);
const fresh = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, options);
const again = await client.fetchUserInfo(config, fresh.access_token, claims.sub, options);
say({
  claims, user, again, token_type: tokens.token_type,
  renewed: fresh.access_token !== tokens.access_token,
  rotated: fresh.refresh_token !== undefined && fresh.refresh_token !== tokens.refresh_token,
});

await hear();
say({
  go: client.buildEndSessionUrl(config, {
    post_logout_redirect_uri: told.post_logout_redirect_uri, id_token_hint: tokens.id_token, state: 'bye',
  }),
});
await hear();
try {
  await client.refreshTokenGrant(config, fresh.refresh_token ?? tokens.refresh_token, undefined, options);
  say({ after: 'refreshed' });
} catch (error) {
  say({ after: error.error });
}

if (dynamic) {
  // Its registration, by RFC 7592: read, removed, and gone.
  const mine = config.clientMetadata();
  const manage = (method) =>
    client.fetchProtectedResource(config, mine.registration_access_token, new URL(mine.registration_client_uri), method);
  const read = await (await manage('GET')).json();
  const removed = (await manage('DELETE')).status;
  const gone = await manage('GET').then((answer) => answer.status, (error) => error.status);
  say({ read, removed, gone });
}
process.exit(0);
