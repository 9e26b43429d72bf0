// An OpenID Connect provider to learn and to test with. NOT for production: it takes any password.
// What it speaks is real (discovery, PKCE, refresh tokens, device flow, client credentials, JWKS):
// node-oidc-provider is certified by the OpenID Foundation.
//
//   node oidc_provider.mjs PORT MLFLOW_URL, in a folder with groups.json and clients.json
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";

const [port, mlflow] = process.argv.slice(2);
const ALL = "openid offline_access groups profile email";
const read = (file) => JSON.parse(readFileSync(file, "utf8"));
// Read each time: who is taken out of a group is out of it in the next token.
const groupsOf = (name) => read("groups.json")[name] ?? [];

if (!existsSync("keys.json")) {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const key = { ...(await exportJWK(privateKey)), alg: "RS256", use: "sig", kid: randomBytes(4).toString("hex") };
  writeFileSync("keys.json", JSON.stringify({ keys: [key] }), { mode: 0o600 });
}

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: read("clients.json"),
  jwks: read("keys.json"),
  cookies: { keys: [randomBytes(16).toString("hex")] },
  claims: { openid: ["sub"], groups: ["groups"], profile: ["name"], email: ["email"] },
  scopes: ["openid", "offline_access", "groups", "profile", "email"],
  conformIdTokenClaims: false, // groups in the ID token, as Keycloak and Entra ID put them there
  clientBasedCORS: () => false,
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: id, email: `${id}@example.com`, groups: groupsOf(id) }),
  }),
  extraTokenClaims: (ctx, token) => ({ groups: groupsOf(token.accountId ?? token.clientId) }),
  issueRefreshToken: (ctx, client) => client.grantTypeAllowed("refresh_token"),
  ttl: { Session: 86400, Grant: 86400, RefreshToken: 86400, IdToken: 600 },
  features: {
    devInteractions: { enabled: true }, // the page that takes any password
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => mlflow,
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx, audience, client) => ({
        audience,
        scope: ALL,
        accessTokenFormat: "jwt",
        accessTokenTTL: client["token_seconds"] ?? 600,
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
  extraClientMetadata: { properties: ["token_seconds"] },
  async loadExistingGrant(ctx) { // consent is given: this is the company's own application
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope(ALL);
    grant.addResourceScope(mlflow, ALL);
    await grant.save();
    return grant;
  },
});
provider.on("server_error", (ctx, error) => console.error(error));
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
