// An OpenID provider on the loopback interface: `node provider.js PORT CLIENT_ID CLIENT_SECRET REDIRECT_URI...`.
// Whoever types a name is that person, with an address at example.org, verified but for names that begin with "new".

import { createServer } from "node:http";

import { Provider } from "oidc-provider";

const [port, clientId, clientSecret, ...redirectUris] = process.argv.slice(2);

const provider = new Provider(`http://localhost:${port}`, {
  clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: redirectUris }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["preferred_username"] },
  cookies: { keys: ["a key for tests only"] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_context, interaction) => `/sign-in/${interaction.uid}` },
  pkce: { required: () => true },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      email: `${id}@example.org`,
      email_verified: !id.startsWith("new"),
      preferred_username: id,
    }),
  }),
  // Nobody is asked whether the site may know them.
  async loadExistingGrant(context) {
    const { client, session } = context.oidc;
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope("openid email profile");
    await grant.save();
    return grant;
  },
});

const page = `<!doctype html>
<html lang="en"><title>The provider</title><link rel="icon" href="data:,">
<form method="post"><label>Who are you? <input name="name"></label> <button>I am</button></form>`;

async function signIn(request, response) {
  if (request.method !== "POST") {
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    response.end(page);
    return;
  }
  let body = "";
  for await (const chunk of request) body += chunk;
  const accountId = new URLSearchParams(body).get("name");
  await provider.interactionFinished(request, response, { login: { accountId } });
}

const answer = provider.callback();
createServer((request, response) => {
  if (request.url.startsWith("/sign-in/")) {
    signIn(request, response).catch((error) => response.writeHead(500).end(String(error)));
  } else {
    answer(request, response);
  }
}).listen(Number(port), "localhost");
