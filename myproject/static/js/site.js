// Enhances pages that work without it.

// Whoever sent a form with mistakes is led to the list of them.
(document.querySelector("form [autofocus]") ?? document.getElementById("error-summary"))?.focus();

// A form sent is sent once, until the server has answered. Its button is never `disabled`: that would take the focus
// away, keep the button's own name out of what is sent, and leave the form dead when the answer never comes.
let sent = new WeakSet();
const release = () => {
  sent = new WeakSet();
  document.querySelectorAll("form[aria-busy]").forEach((form) => form.removeAttribute("aria-busy"));
};

document.addEventListener("submit", (event) => {
  const form = event.target;
  // Attributes, since a field named `method` or `target` would hide the form's own property.
  const posts = form.getAttribute("method")?.toLowerCase() === "post";
  if (event.defaultPrevented || !posts || form.hasAttribute("target")) return;
  if (sent.has(form)) {
    event.preventDefault();
    return;
  }
  sent.add(form);
  form.setAttribute("aria-busy", "true");
});

// Back from another page, or sending failed or was stopped by hand.
window.addEventListener("pageshow", release);
window.navigation?.addEventListener("navigateerror", release);
