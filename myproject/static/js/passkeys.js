// Passkeys (Web Authentication, level 3). What needs them is hidden until this runs in a browser that knows them.
//
// An element with `data-passkey`, "create" (a form that adds one) or "get" (a button that proves who one is), says in
// `data-action` which address takes the answer; the one below it, `options/`, gives the question.

// A question is answered within ten minutes (the server's STEP_MINUTES): one that only waits is asked anew before.
const ASK_AGAIN = 8 * 60_000;

// Binary values travel as base64url (RFC 4648, 5).
const toBytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const withBytes = (options) => {
  const described = (list) => list?.map((each) => ({ ...each, id: toBytes(each.id) }));
  const made = { ...options, challenge: toBytes(options.challenge) };
  if (options.user) made.user = { ...options.user, id: toBytes(options.user.id) };
  if (options.excludeCredentials) made.excludeCredentials = described(options.excludeCredentials);
  if (options.allowCredentials) made.allowCredentials = described(options.allowCredentials);
  return made;
};

const withText = ({ id, rawId, type, response }) => {
  const made = { id, rawId: toText(rawId), type, response: { clientDataJSON: toText(response.clientDataJSON) } };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[name]) made.response[name] = toText(response[name]);
  }
  if (response.getTransports) made.response.transports = response.getTransports();
  return JSON.stringify(made);
};

// What the server says no to, in its words.
class Refused extends Error {
  constructor(message, field) {
    super(message);
    this.field = field;
  }
}

const send = async (element, address, fields) => {
  const answer = await fetch(address, {
    method: "POST",
    mode: "same-origin",
    credentials: "same-origin",
    headers: { "X-CSRF-Token": element.querySelector("[name=csrf_token]").value },
    body: new URLSearchParams(fields),
  });
  const sent = await answer.json();
  if (sent.error) throw new Refused(sent.error, sent.field);
  return sent;
};

// Asks, has the browser answer, and goes where that leads. `fields` go with the question and the answer.
const run = async (element, fields, options = {}) => {
  const { action } = element.dataset;
  const asked = await send(element, `${action}options/`, fields);
  if (asked.location) return location.assign(asked.location);
  const verb = element.dataset.passkey;
  const credential = await navigator.credentials[verb]({ ...options, publicKey: withBytes(asked.publicKey) });
  const next = new URLSearchParams(location.search).get("next") ?? "";
  // What the page says by now, such as whether to stay signed in.
  const answer = { ...fields, next, remember: Boolean(document.querySelector("[name=remember]:checked")) };
  const answered = await send(element, action, { ...answer, credential: withText(credential) });
  return location.assign(answered.location);
};

const words = (element, error) => {
  if (error instanceof Refused) return error.message;
  if (error.name === "InvalidStateError") return element.dataset.known;
  if (error.name === "NotAllowedError" || error.name === "AbortError") return element.dataset.stopped;
  return element.dataset.failed;
};

const tell = (element, error) => {
  const field = error && element.querySelector(`[name="${error.field ?? ""}"]`);
  element.querySelectorAll("[aria-invalid]").forEach((each) => each.removeAttribute("aria-invalid"));
  field?.setAttribute("aria-invalid", "true");
  field?.focus();
  const message = element.querySelector("[data-passkey-message]");
  message.classList.toggle("field-error", Boolean(error));
  message.textContent = error ? words(element, error) : "";
};

// The question that waits behind the field of names, if there is one: a browser answers one at a time.
let waiting;

const press = async (element, fields) => {
  if (element.getAttribute("aria-busy")) return;
  element.setAttribute("aria-busy", "true");
  waiting?.abort();
  tell(element);
  try {
    await run(element, fields);
  } catch (error) {
    tell(element, error);
    autofill(element);
  }
  element.removeAttribute("aria-busy");
};

// Lets the browser offer passkeys in the field whose `autocomplete` says so.
const autofill = async (element) => {
  if (!("autofill" in element.dataset) || !(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  const mine = (waiting = new AbortController());
  const again = setTimeout(() => {
    mine.abort();
    autofill(element);
  }, ASK_AGAIN);
  try {
    await run(element, {}, { mediation: "conditional", signal: mine.signal });
  } catch (error) {
    // Nobody has asked for this yet: what fails before they choose a passkey is not told.
    if (error instanceof Refused && !mine.signal.aborted) tell(element, error);
  } finally {
    clearTimeout(again);
  }
};

const enhance = (element) => {
  element.hidden = false;
  if (element.dataset.passkey === "create") {
    element.addEventListener("submit", (event) => {
      event.preventDefault();
      press(element, Object.fromEntries(new FormData(element)));
    });
  } else {
    element.querySelector("button").addEventListener("click", () => press(element, {}));
    autofill(element);
  }
};

if (window.PublicKeyCredential) {
  document.querySelectorAll("[data-passkey-needed]").forEach((element) => { element.hidden = true; });
  document.querySelectorAll("[data-passkey]").forEach(enhance);
}
