// Images that are pasted or dropped into a text are sent at once, and their Markdown is put where the cursor is.
// Without this, the form's own field for an image, or the page of one's images, does the same.

// What is sent as it is, in bytes, and what the server makes of larger ones anyway, in pixels.
const MOST = 950_000;
const SIDE = 1600;

const status = document.querySelector(".image-status");

// A photograph is made smaller before it is sent. What can't be drawn is sent as it is: the server says what is wrong.
async function shrink(file) {
  if (file.size <= MOST) return file;
  try {
    const bitmap = await createImageBitmap(file);
    const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
    const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    let blob = file;
    for (const quality of [0.85, 0.6, 0.3]) {
      if (blob.size > MOST) blob = await canvas.convertToBlob({ type: "image/webp", quality });
    }
    return blob;
  } catch {
    return file;
  }
}

async function send(file, form) {
  const data = new FormData();
  data.append("csrf_token", form.elements.csrf_token.value);
  data.append("image_alt", "");
  data.append("image", await shrink(file), "image");
  const answer = await fetch(status.dataset.images, { method: "POST", body: data, headers: { Accept: "application/json" } });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error);
  return said.markdown;
}

async function add(files, text) {
  for (const file of files) {
    status.textContent = status.dataset.sending;
    try {
      const markdown = await send(file, text.form);
      const start = text.selectionStart;
      const before = start && text.value[start - 1] !== "\n" ? "\n\n" : "";
      text.setRangeText(`${before}${markdown}\n`, start, text.selectionEnd, "end");
      // Between the brackets.
      text.selectionStart = text.selectionEnd = start + before.length + 2;
      text.dispatchEvent(new Event("input", { bubbles: true }));
      text.focus();
      status.textContent = status.dataset.describe;
    } catch (error) {
      // A page in place of JSON, or no answer at all.
      const known = error instanceof Error && !(error instanceof SyntaxError || error instanceof TypeError);
      status.textContent = (known && error.message) || status.dataset.failed;
    }
  }
}

const images = (transfer) => [...(transfer?.files ?? [])].filter((file) => file.type.startsWith("image/"));

for (const text of status ? document.querySelectorAll("form textarea[name=body]") : []) {
  const take = (event, transfer) => {
    const files = images(transfer);
    // A table from a spreadsheet comes with a picture of itself.
    if (!files.length || transfer.types.includes("text/plain")) return;
    event.preventDefault();
    add(files, text);
  };
  text.addEventListener("paste", (event) => take(event, event.clipboardData));
  text.addEventListener("drop", (event) => take(event, event.dataTransfer));
}
