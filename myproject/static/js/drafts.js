// Saves what is being written, on the server, a few seconds after each change and when its page is left: a draft where
// the form has drafts, else as a text that is kept until the form is sent. It sends the form to its own address with
// `keep`, which never publishes. Without this script, buttons do the same.

// Milliseconds: after the last change, between two savings, and for a saving to end before the form is sent.
const PAUSE = 2_000;
const BETWEEN = 5_000;
const PATIENCE = 3_000;
// Bytes that may still be under way once the page is gone (Fetch standard: 64 KiB of all pages together).
const AT_LAST = 60_000;

const watch = (form) => {
  const said = document.createElement("p");
  said.className = "saved";
  said.setAttribute("role", "status");
  form.querySelector(".form-buttons").append(said);

  // What was typed before this script came is not saved yet. What Back brought was sent, or saved, by this form before.
  const pristine = form.cloneNode(true);
  pristine.reset();
  const isBack = performance.getEntriesByType("navigation")[0]?.type === "back_forward";
  let saved = text(isBack ? form : pristine);
  let timer = 0;
  let last = 0;
  let underway = null;
  let waiting = null;
  let stopped = false;

  // Back at this page the browser fills in what was typed, but the form is another one. It gets the old one's token,
  // so that what was sent already is known again; but not that of another member, who was signed in here before: a
  // token begins with the number of its own.
  const once = form.querySelector("input[name=once]");
  const place = `once ${form.getAttribute("action") ?? ""}`;
  const owner = (token) => token.split(".")[0];
  function remember() {
    const before = history.state?.[place];
    const filled = [...form.querySelectorAll("textarea, input[type=text]")].some((field) => field.value !== field.defaultValue);
    if (once && before && filled && owner(before) === owner(once.value)) once.value = before;
    else if (once) history.replaceState({ ...history.state, [place]: once.value }, "");
  }

  // What the reader has typed, without what the form carries beside it.
  function text(written = form) {
    const typed = [...written.elements].filter((field) => field.matches("input:not([type=hidden]), textarea, select"));
    return JSON.stringify(typed.map((field) => (field.type === "checkbox" ? field.checked : field.value)));
  }

  function body() {
    const fields = new FormData(form);
    for (const [name, value] of [...fields]) if (value instanceof File) fields.delete(name);
    fields.set("keep", "1");
    return new URLSearchParams(fields).toString();
  }

  async function save(isLast = false) {
    const now = text();
    if (stopped || underway || now === saved) return;
    underway = new AbortController();
    last = Date.now();
    try {
      const sent = body();
      const answer = await fetch(form.getAttribute("action") || location.href, {
        method: "POST",
        headers: { "Content-Type": "application/x-www-form-urlencoded" },
        body: sent,
        signal: underway.signal,
        redirect: "error",
        keepalive: isLast && sent.length < AT_LAST,
      });
      const plain = answer.headers.get("Content-Type")?.startsWith("text/plain");
      if (plain) said.textContent = await answer.text();
      if (answer.ok) {
        saved = now;
        goOn(answer.headers);
      } else if (answer.status === 413 || answer.status === 422) {
        // Too long: asked once more, it is no shorter.
        saved = now;
        if (!plain) said.textContent = form.dataset.tooMuch ?? "";
      } else if (answer.status === 409) {
        // Somebody has gone on elsewhere: who saves by the button sees both texts.
        stopped = true;
      } else if (!plain) {
        said.textContent = form.dataset.unsaved ?? "";
      }
    } catch {
      // No connection: the next change tries again.
      said.textContent = form.dataset.unsaved ?? "";
    }
    underway = null;
    if (waiting) {
      const submitter = waiting;
      waiting = null;
      form.requestSubmit(submitter);
    } else if (text() !== saved) {
      plan();
    }
  }

  // A new draft has an address and a version from now on.
  function goOn(headers) {
    const address = headers.get("Content-Location");
    if (!address) return;
    // Not the address of the page itself, as in the templates: Back leads here where it fails.
    form.setAttribute("action", `${address}?sent`);
    let version = form.querySelector("input[name=version]");
    if (!version) {
      version = document.createElement("input");
      version.type = "hidden";
      version.name = "version";
      form.append(version);
    }
    version.value = headers.get("Draft-Version");
    history.replaceState(history.state, "", address);
  }

  function plan() {
    clearTimeout(timer);
    if (!stopped) timer = setTimeout(() => save(), Math.max(PAUSE, last + BETWEEN - Date.now()));
  }

  form.addEventListener("input", plan);
  form.addEventListener("submit", (event) => {
    clearTimeout(timer);
    if (underway) {
      // What is on its way may change the version that this would be sent with.
      event.preventDefault();
      waiting = event.submitter;
      setTimeout(() => underway?.abort(), PATIENCE);
      return;
    }
    stopped = true;
  });
  // On the way to another page, best before that is asked for, since it may show this form; or to another tab or app,
  // from which nobody may come back. But who lets the text go wants none of it.
  window.addEventListener("beforeunload", () => save(true));
  document.addEventListener("visibilitychange", () => { if (document.hidden) save(true); });
  document.addEventListener("submit", (event) => { if (event.target.matches(".kept")) stopped = true; });
  // Back from another page, or sending was stopped: the form lives again.
  window.addEventListener("pageshow", () => {
    stopped = false;
    remember();
  });
  window.navigation?.addEventListener("navigateerror", () => { stopped = false; plan(); });
  if (text() !== saved) plan();
};

document.querySelectorAll("form[data-keeping]").forEach(watch);
