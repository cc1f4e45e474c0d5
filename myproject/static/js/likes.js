// Likes without leaving the place: what the form would send goes by itself, and the answer says what now stands there.
// Where that fails, the form is sent as it is without a script.
const press = async (button) => {
  const data = new FormData(button.form);
  data.set(button.name, button.value);
  const address = button.getAttribute("formaction") ?? button.form.getAttribute("action");
  button.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, { method: "POST", body: data, headers: { Accept: "application/json" } });
    if (!answer.ok || answer.redirected) throw new Error(answer.status);
    const { on, words, likes } = await answer.json();
    button.textContent = words;
    button.value = on ? "0" : "1";
    const count = button.closest(".comment-tools, article").querySelector(".likes");
    if (count) count.textContent = likes;
  } catch {
    delete button.dataset.like;
    button.click();
  } finally {
    button.removeAttribute("aria-busy");
  }
};

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button[data-like]");
  if (!button) return;
  event.preventDefault();
  if (!button.hasAttribute("aria-busy")) press(button);
});
