// Says while somebody writes that a text has become too long, and does not send a form that the server would not read:
// its answer could not give back what was typed. Without this script the answer says to go back.

// Bytes of all texts of a form together, as they are sent (`TEXT_BYTES` of web/bodies.py).
const MOST = 1_048_576;

const bytes = (text) => new TextEncoder().encode(text).length;

// How much of what the server bounds a form sends: the texts themselves, or where it has no file, the whole of it.
function size(form) {
  const texts = [...new FormData(form)].filter(([, value]) => !(value instanceof File));
  const sent = texts.map(([name, value]) => [name, value.replace(/\r?\n/g, "\r\n")]);
  if (form.getAttribute("enctype")) return sent.reduce((sum, [, value]) => sum + bytes(value), 0);
  return new URLSearchParams(sent).toString().length;
}

const watch = (form) => {
  const fields = [...form.querySelectorAll("textarea[data-max-bytes]")];

  const warn = (field, words) => {
    let warning = field.nextElementSibling;
    if (!warning?.matches(".too-long")) {
      if (!words) return;
      warning = document.createElement("p");
      warning.className = "field-error too-long";
      warning.setAttribute("role", "alert");
      field.after(warning);
    }
    if (!words) warning.remove();
    else if (warning.textContent !== words) warning.textContent = words;
  };

  const look = (field) => {
    const most = Number(field.dataset.maxBytes);
    // No character has more than three bytes for each unit of `length`.
    const tooLong = field.value.length * 3 > most && bytes(field.value) > most;
    warn(field, tooLong ? form.dataset.tooLong : "");
  };

  for (const field of fields) {
    field.addEventListener("input", () => look(field));
    look(field);
  }
  // Back at this page, what the browser fills in counts as well.
  window.addEventListener("pageshow", () => fields.forEach(look));

  form.addEventListener("submit", (event) => {
    if (size(form) <= MOST) return;
    event.preventDefault();
    // To the other scripts this form was never sent.
    event.stopImmediatePropagation();
    const [longest] = fields.sort((one, other) => other.value.length - one.value.length);
    warn(longest, form.dataset.tooMuch);
    longest.focus({ preventScroll: true });
    // A field grows with its text: the words below it are where the writer is.
    longest.nextElementSibling.scrollIntoView({ block: "nearest" });
  }, true);
};

document.querySelectorAll("form:has(textarea[data-max-bytes])").forEach(watch);
