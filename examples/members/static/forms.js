// What HTML cannot do for a form: show a password, and count a second press of its button as the first. Without this the
// password stays hidden, and the form works.

// Not `WAIT`: scripts of one page share their names, and static/signed-in.js has one of that.
const ANSWERED = 20_000;

for (const input of document.querySelectorAll("input[type=password]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "reveal";
  button.textContent = "Show";
  // The name stays the same: aria-pressed says whether the password is shown.
  button.setAttribute("aria-label", `Show ${input.labels[0].textContent.toLowerCase()}`);
  button.setAttribute("aria-controls", input.id);
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", shown);
  };
  show(false);
  button.addEventListener("click", () => show(input.type === "password"));
  // Hidden again when it is sent, or the browser would keep it with what was typed into text fields.
  input.form.addEventListener("submit", () => show(false));
  input.after(button);
}

const waiting = new Set();

document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (form.method !== "post" || event.defaultPrevented) return;
  const button = submitter ?? form.querySelector("button:not([type=button])");
  button.disabled = true;
  waiting.add(button);
  // By then the site has answered, or will not.
  setTimeout(enable, ANSWERED);
});

// Somebody has come back to this page, which the browser kept as it was.
window.addEventListener("pageshow", (event) => event.persisted && enable());

function enable() {
  for (const button of waiting) button.disabled = false;
  waiting.clear();
}
