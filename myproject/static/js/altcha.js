// The check that somebody is a person: gives the widget its worker and its words, and holds the form until it is done.

const widget = document.querySelector("altcha-widget");
const form = widget.closest("form");
const { worker, ...words } = widget.dataset;

// A file of ours, since the policy of the page lets no other worker run.
$altcha.algorithms.set("PBKDF2/SHA-256", () => new Worker(worker));
$altcha.i18n.set("en", { ...$altcha.i18n.get("en"), ...words });
widget.configure({ language: "en" });

// Whoever sends the form first need not send it twice.
let pressed;
form.addEventListener(
  "submit",
  (event) => {
    const state = widget.getState();
    if (state === "verified") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    pressed = event.submitter;
    if (state !== "verifying") widget.verify();
  },
  { capture: true },
);
widget.addEventListener("verified", () => {
  // The widget writes its answer into the form just after it has told.
  if (pressed !== undefined) setTimeout(() => form.requestSubmit(pressed));
});
