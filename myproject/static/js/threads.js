// A thread that was closed is closed still when one comes back to its page, as long as the tab is open.
const key = (thread) => `closed ${thread.parentElement.querySelector(":scope > .comment").id}`;

const keep = (closed) => {
  const target = document.getElementById(location.hash.slice(1));
  for (const thread of document.querySelectorAll("details.replies")) {
    if (closed.getItem(key(thread)) === null) continue;
    // Who follows a link into a thread opens it.
    if (target && thread.contains(target)) closed.removeItem(key(thread));
    else thread.open = false;
  }
  // This event does not bubble.
  document.addEventListener("toggle", ({ target: thread }) => {
    if (!thread.matches("details.replies")) return;
    if (thread.open) closed.removeItem(key(thread));
    else closed.setItem(key(thread), "");
  }, true);
};

// Browsers that keep nothing for a site throw where that is asked for; then all threads begin open.
try {
  keep(sessionStorage);
} catch {}
