// An OpenID provider to try the example with, and to test it: any name is a user's, and there are no passwords.
//
//     npm ci && node provider.js
//
// SITE is where the example runs. PORT is this provider's own; with 0 it takes one that is free. It ends with its standard input
// if UNTIL_STDIN_ENDS is set, so that it does not outlive a test.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const SITE = process.env.SITE ?? 'http://localhost:3004';
const HOUR = 60 * 60;

const configuration = {
  clients: [{
    client_id: 'housekey',
    client_secret: 'not a secret: for development',
    redirect_uris: [`${SITE}/callback`],
    post_logout_redirect_uris: [`${SITE}/login`],
  }],
  claims: { openid: ['sub', 'session_expiry'], profile: ['name'] },
  conformIdTokenClaims: false, // the name is in the ID token, so that nobody has to ask for it
  cookies: { keys: ['for development'] },
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: false },
    rpInitiatedLogout: {
      logoutSource: (context, form) => {
        const button = '<button name=logout value=yes form="op.logoutForm">Log out here too</button>';
        context.body = page(`${form}${button}`);
      },
    },
  },
  ttl: { Interaction: HOUR, Session: 24 * HOUR, Grant: 24 * HOUR, IdToken: HOUR, AccessToken: HOUR },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, sub, token) => ({
    accountId: sub,
    claims: () => ({
      sub,
      name: sub,
      // The end of what this provider vouches for, as OpenID Connect Enterprise Extensions have it.
      ...(token?.authTime && { session_expiry: token.authTime + 4 * HOUR }),
    }),
  }),
  // The site is this provider's own: nobody is asked whether it may know who they are.
  async loadExistingGrant({ oidc }) {
    const { clientId } = oidc.client;
    const { accountId } = oidc.session;
    const known = await oidc.provider.Grant.find(oidc.session.grantIdFor(clientId) ?? '');
    if (known?.accountId === accountId) return known;
    const grant = new oidc.provider.Grant({ clientId, accountId });
    grant.addOIDCScope('openid profile');
    await grant.save();
    return grant;
  },
};

const page = (body) => `<!doctype html><html lang=en><meta charset=utf-8>
<meta name=viewport content='width=device-width'><title>The provider</title>
<style>body { font: 1.0625rem/1.6 system-ui, sans-serif; background: #e8edf6; color: #1a2233 }
main { max-width: 24rem; margin: 3rem auto; padding: 2rem; background: #fff; border-radius: 1rem }
input, button { display: block; width: 100%; box-sizing: border-box; margin-top: 0.5rem; padding: 0.6rem; font: inherit }
</style><main><h1>The provider</h1>${body}</main></html>`;
const login = `<form method=post><label>Name <input name=name required autofocus></label><button>Log in</button>
<button name=cancel value=yes formnovalidate>Cancel</button></form>`;

async function interact(request, response) {
  await provider.interactionDetails(request, response); // an error if there is none in this browser
  if (request.method !== 'POST') {
    response.setHeader('Content-Type', 'text/html');
    return response.end(page(login));
  }
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const form = new URLSearchParams(Buffer.concat(chunks).toString());
  const result = form.has('cancel')
    ? { error: 'access_denied', error_description: 'the user called it off' }
    : { login: { accountId: form.get('name') } };
  return provider.interactionFinished(request, response, result);
}

const server = createServer();
await new Promise((listening) => server.listen(process.env.PORT ?? 3005, '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, configuration);
const handle = provider.callback();
server.on('request', (request, response) => {
  if (!request.url.startsWith('/interaction/')) return handle(request, response);
  return interact(request, response).catch(() => response.writeHead(400).end('This login is over. Begin again.'));
});
if (process.env.UNTIL_STDIN_ENDS) process.stdin.on('end', () => process.exit()).resume();
console.log(`The provider is at ${issuer}`);
